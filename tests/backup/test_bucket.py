"""Backups sent to an S3 bucket, read back there, brought from it; nothing there is ever deleted by us."""

from __future__ import annotations

import ast
import hashlib
import io
import itertools
import json
import os
import re
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from agent.backup import actions
from agent.backup.bucket import PIECE, Bucket
from agent.backup.model import Backup
from agent.backup.store import stores_of
from agent.errors import BackupDamaged, BadInventory, NoBackup, Refused, StepFailed
from agent.inventory.model import Service
from agent.payload import bucket as program
from agent.secrets import Secret
from tests.bucket import Endpoint, moto, rclone, rclone_here, rights_from, settings
from tests.systems.server import Here

_names = (f"backups-{number}" for number in itertools.count(1))
DOCUMENT = Path(__file__).parents[2] / "docs/operators/refserver_backups.md"


@pytest.fixture(scope="module")
def versioned() -> Iterator[Endpoint]:
    """An endpoint with versions and object lock."""
    with moto() as endpoint:
        yield endpoint


@pytest.fixture(params=["moto", "rclone"])
def endpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Endpoint]:
    """Either endpoint: what every one of them has to do."""
    if request.param == "moto":
        yield request.getfixturevalue("versioned")
        return
    if not rclone_here():
        pytest.skip("rclone is not on this machine; the drills have one in their stack")
    (tmp_path / "s3").mkdir()
    with rclone(tmp_path / "s3") as serving:
        yield serving


def shipping(service: Service, endpoint: Endpoint, bucket: str, folder: Path, **more: Any) -> Service:
    """The service with that bucket for a store."""
    told = settings(endpoint, bucket, folder, **more)
    return replace(service, settings={**service.settings, **told})


def forget_here(backup: Backup) -> None:
    """The host's own volume is gone."""
    subprocess.run(["rm", "-rf", str(Path(backup.path).parents[1])], check=True)


def test_what_was_sent_is_read_back_and_comes_back(
    here: Here, service: Service, endpoint: Endpoint, tmp_path: Path
) -> None:
    """File, sidecar and entry lie there under their names; a lost volume has the same bytes again."""
    name = endpoint.bucket(next(_names))
    service = shipping(service, endpoint, name, tmp_path)
    backup = here.do(actions.take(service))
    lag = f"off-site lag: s3://{name}/copies: it holds none"
    assert here.do(actions.watch(service, stamp=False)).reason == lag
    (shipped,) = here.do(actions.ship(service))
    assert "off-site" not in here.do(actions.watch(service, stamp=False)).reason
    assert (shipped.store, shipped.sent, shipped.bytes) == (f"s3://{name}/copies", True, backup.bytes)
    file = f"copies/redis/here/{backup.id}.rdb"
    assert endpoint.keys(name) == [file, f"{file}.json", f"{file}.sha256"]
    sidecar = endpoint.client().get_object(Bucket=name, Key=f"{file}.sha256")["Body"].read()
    assert sidecar.split() == [backup.sha256.encode(), f"{backup.id}.rdb".encode()]
    assert here.do(actions.ship(service)) == ()
    assert [each.sent for each in here.do(actions.ship(service, again=True))] == [False]
    forget_here(backup)
    fetched = here.do(actions.fetch(service))
    assert fetched is not None
    assert (fetched.id, fetched.sha256, fetched.verified) == (backup.id, backup.sha256, backup.verified)
    assert here.do(actions.newest(service)) == fetched
    here.do(actions.verify(service))


def test_what_rotted_there_is_sent_again(
    here: Here, service: Service, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Whatever the endpoint says of it, its bytes are read: a changed one is found, and mended."""
    name = endpoint.bucket(next(_names))
    service = shipping(service, endpoint, name, tmp_path)
    backup = here.do(actions.take(service))
    here.do(actions.ship(service))
    file = f"copies/redis/here/{backup.id}.rdb"
    endpoint.client().put_object(Bucket=name, Key=file, Body=b"x" * backup.bytes)
    assert [each.sent for each in here.do(actions.ship(service, again=True))] == [True]
    body = endpoint.client().get_object(Bucket=name, Key=file)["Body"].read()
    assert body == Path(backup.path).read_bytes()


def test_what_arrives_wrong_is_not_counted(
    here: Here, service: Service, versioned: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An endpoint that keeps other bytes than it was sent: said, not counted, and nothing is deleted."""
    name = versioned.bucket(next(_names))
    service = shipping(service, versioned, name, tmp_path)
    backup = here.do(actions.take(service))
    spoilt = program_with("Body=data, **target, **kept, **sums(data)", 'Body=data + b"X", **target')
    monkeypatch.setattr("agent.backup.bucket.program", lambda _name: spoilt)
    with pytest.raises(BackupDamaged, match="what arrived is not counted"):
        here.do(actions.ship(service))
    assert here.do(actions.history(service)) == (backup,)
    monkeypatch.undo()
    assert [each.sent for each in here.do(actions.ship(service))] == [True]


def program_with(what: str, instead: str) -> bytes:
    """The program with one thing wrong with it."""
    from agent.payload.bundle import program as bundled

    text = bundled("bucket").decode()
    assert json.dumps(what)[1:-1] in text
    return text.replace(json.dumps(what)[1:-1], json.dumps(instead)[1:-1]).encode()


def test_a_piece_spoilt_on_its_way_is_refused_there(
    here: Here, service: Service, endpoint: Endpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sums go with it: an endpoint that checks them takes nothing else, else the reading back tells."""
    name = endpoint.bucket(next(_names))
    service = shipping(service, endpoint, name, tmp_path)
    here.do(actions.take(service))
    spoilt = program_with("Body=data, **target, **kept", 'Body=data[:-1] + b"X", **target, **kept')
    monkeypatch.setattr("agent.backup.bucket.program", lambda _name: spoilt)
    with pytest.raises((StepFailed, BackupDamaged)):
        here.do(actions.ship(service))
    assert here.do(actions.history(service))[0].shipped == {}


def test_a_large_one_goes_in_pieces_and_goes_on_where_it_was_broken_off(
    here: Here, endpoint: Endpoint, tmp_path: Path
) -> None:
    """Three pieces; the first is there from before and is not sent again where the endpoint tells of it."""
    name = endpoint.bucket(next(_names))
    content = os.urandom(2 * PIECE + 12345)
    (tmp_path / "large").write_bytes(content)
    client = endpoint.client()
    begun = client.create_multipart_upload(Bucket=name, Key="copies/large")
    part = {"Bucket": name, "Key": "copies/large", "UploadId": begun["UploadId"]}
    client.upload_part(**part, PartNumber=1, Body=content[:PIECE])
    told = settings(endpoint, name, tmp_path)
    (store,) = stores_of(Service("redis", "here", "systemd", "u", told))

    def send_and_sum(to: str) -> Iterator[Any]:
        sent = yield store.send(str(tmp_path / "large"), to, "")
        return sent.text, (yield store.checksum(to)).text  # type: ignore[misc]

    total = hashlib.sha256(content).hexdigest()
    for to in ("copies/large", "copies/not-begun-before"):
        assert here.do(send_and_sum(to)) == (total, total)
    left = client.list_multipart_uploads(Bucket=name).get("Uploads", [])
    assert [each["UploadId"] for each in left] == []


def test_thousands_of_entries_are_read_side_by_side() -> None:
    """Nobody has pruned there for a year: they come in their order, and none waits for the one before."""
    together = threading.Barrier(5, timeout=30)
    keys = [f"copies/redis/here/{number:04}.rdb.json" for number in range(20)]

    class Client:
        def get_paginator(self, _: str) -> Client:
            return self

        def paginate(self, **_: Any) -> list[dict[str, Any]]:
            return [{"Contents": [{"Key": key} for key in [*keys, "copies/redis/here/0001.rdb"]]}]

        def get_object(self, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
            together.wait()
            return {"Body": io.BytesIO(json.dumps({"id": Key}).encode())}

    found = program._entries(Client(), {"bucket": "b", "key": "copies/redis/here"})
    assert [json.loads(line)["id"] for line in found.splitlines()] == keys


def test_what_breaks_off_on_its_way_back_goes_on_from_there(
    here: Here, endpoint: Endpoint, tmp_path: Path
) -> None:
    """A line that breaks every two megabytes brings five all the same, and reads them back, too."""
    name = endpoint.bucket(next(_names))
    content = os.urandom(5 << 20)
    endpoint.client().put_object(Bucket=name, Key="copies/large", Body=content)
    with breaking(endpoint, after=2 << 20) as (broken, cuts):
        told = settings(broken, name, tmp_path)
        (store,) = stores_of(Service("redis", "here", "systemd", "u", told))

        def bring() -> Iterator[Any]:
            yield store.receive("copies/large", str(tmp_path / "back"), hashlib.sha256(content).hexdigest())
            return (yield store.checksum("copies/large")).text  # type: ignore[misc]

        assert here.do(bring()) == hashlib.sha256(content).hexdigest()
    assert (tmp_path / "back").read_bytes() == content
    assert len(cuts) >= 4


@contextmanager
def breaking(endpoint: Endpoint, after: int) -> Iterator[tuple[Endpoint, list[int]]]:
    """The endpoint behind a line of which each connection ends after so many bytes of answers."""
    where = urlsplit(endpoint.url)
    cuts: list[int] = []

    class Line(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((where.hostname or "", where.port or 80)) as far:
                ended = threading.Thread(target=self._sent, args=(far,), daemon=True)
                ended.start()
                left = after
                while left and (block := far.recv(min(left, 65536))):
                    self.request.sendall(block)
                    left -= len(block)
                if not left:
                    cuts.append(after)
                with suppress(OSError):
                    self.request.shutdown(socket.SHUT_RDWR)

        def _sent(self, far: socket.socket) -> None:
            with suppress(OSError):
                while block := self.request.recv(65536):
                    far.sendall(block)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield replace(endpoint, url=f"http://127.0.0.1:{server.server_address[1]}"), cuts
        finally:
            server.shutdown()
            thread.join()


def test_what_was_written_over_with_a_stolen_key_is_still_found(
    here: Here, service: Service, versioned: Endpoint, tmp_path: Path
) -> None:
    """Every object is overwritten and then deleted: versions have what was there before."""
    name = versioned.bucket(next(_names))
    service = shipping(service, versioned, name, tmp_path)
    backup = here.do(actions.take(service))
    here.do(actions.ship(service))
    client = versioned.client()
    for key in versioned.keys(name):
        client.put_object(Bucket=name, Key=key, Body=b"pay us")
        client.delete_object(Bucket=name, Key=key)
    assert versioned.keys(name) == []
    forget_here(backup)
    fetched = here.do(actions.fetch(service))
    assert fetched is not None
    assert fetched.sha256 == backup.sha256


def test_without_versions_a_copy_that_was_written_over_is_refused(
    here: Here, service: Service, versioned: Endpoint, tmp_path: Path
) -> None:
    """What comes is not what was sent: it is not kept, and the sentence has both sums."""
    name = versioned.bucket(next(_names), versions=False)
    service = shipping(service, versioned, name, tmp_path)
    backup = here.do(actions.take(service))
    here.do(actions.ship(service))
    file = f"copies/redis/here/{backup.id}.rdb"
    versioned.client().put_object(Bucket=name, Key=file, Body=b"other")
    forget_here(backup)
    with pytest.raises(NoBackup, match=f"with the SHA-256 {backup.sha256[:12]}"):
        here.do(actions.fetch(service))
    assert not list((here.folder / "backup").rglob("*.rdb*"))


def test_copies_are_locked_for_as_long_as_was_asked(
    here: Here, service: Service, versioned: Endpoint, tmp_path: Path
) -> None:
    """Each object carries its day; where the bucket has no object lock nothing is sent, and that is said."""
    name = versioned.bucket(next(_names), lock=True)
    locked = shipping(service, versioned, name, tmp_path, s3_lock_days=30)
    backup = here.do(actions.take(locked))
    here.do(actions.ship(locked))
    client = versioned.client()
    for key in versioned.keys(name):
        held = client.head_object(Bucket=name, Key=key)
        assert held["ObjectLockMode"] == "GOVERNANCE"
        assert 29 <= (held["ObjectLockRetainUntilDate"] - held["LastModified"]).days <= 30
    version = client.head_object(Bucket=name, Key=f"copies/redis/here/{backup.id}.rdb")["VersionId"]
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.delete_object(Bucket=name, Key=f"copies/redis/here/{backup.id}.rdb", VersionId=version)
    plain = shipping(service, versioned, versioned.bucket(next(_names)), tmp_path, s3_lock_days=30)
    with pytest.raises(StepFailed, match="to have object lock"):
        here.do(actions.ship(plain))


@pytest.mark.parametrize("kind", ["versions", "lock", "neither"])
def test_what_a_bucket_does_not_protect_against_is_said(
    here: Here, service: Service, versioned: Endpoint, tmp_path: Path, kind: str
) -> None:
    """No versions, or nothing locked: the person who reads the run hears of it; else nothing."""
    name = versioned.bucket(next(_names), lock=kind == "lock", versions=kind != "neither")
    service = shipping(service, versioned, name, tmp_path, s3_lock_days=1 if kind == "lock" else 0)
    (store,) = stores_of(service)

    def look() -> Iterator[Any]:
        return (yield store.make("copies")).text  # type: ignore[misc]

    said = {"versions": "nothing is locked", "lock": "", "neither": "could overwrite every copy"}[kind]
    found = here.do(look())
    assert said in found
    assert bool(said) == bool(found)


def policy() -> dict[str, Any]:
    """The rights that our document gives the agent's key."""
    blocks = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (found,) = [json.loads(each) for each in blocks if '"SendAndReadBack"' in each]
    return dict(found)


def test_the_documented_rights_suffice_and_do_not_let_it_delete(
    here: Here, service: Service, tmp_path: Path
) -> None:
    """With the policy of our document ship and fetch go well, and whoever steals the key cannot delete."""
    with moto() as endpoint:
        name = endpoint.bucket("refserver-backups", lock=True)
        iam = endpoint.client("iam")
        iam.create_user(UserName="agent")
        iam.put_user_policy(UserName="agent", PolicyName="ship", PolicyDocument=json.dumps(policy()))
        made = iam.create_access_key(UserName="agent")["AccessKey"]
        own = {"key_id": made["AccessKeyId"], "secret": made["SecretAccessKey"]}
        service = shipping(service, endpoint, name, tmp_path, **own, s3_lock_days=30)
        backup = here.do(actions.take(service))
        rights_from(endpoint, 0)
        here.do(actions.ship(service))
        here.do(actions.ship(service, again=True))
        forget_here(backup)
        assert here.do(actions.fetch(service)) is not None
        thief = endpoint.client(key_id=own["key_id"], secret=own["secret"])
        key = f"copies/redis/here/{backup.id}.rdb"
        version = thief.head_object(Bucket=name, Key=key)["VersionId"]
        for more in ({}, {"VersionId": version}):
            with pytest.raises(thief.exceptions.ClientError, match="AccessDenied"):
                thief.delete_object(Bucket=name, Key=key, **more)


def test_a_key_that_may_not_is_said_without_its_secret(here: Here, service: Service, tmp_path: Path) -> None:
    """The endpoint's word is in the sentence, the secret is not."""
    with moto() as endpoint:
        service = shipping(service, endpoint, endpoint.bucket("b-1"), tmp_path, secret="not-the-right-one")
        here.do(actions.take(service))
        rights_from(endpoint, 0)
        with pytest.raises(StepFailed) as refused:
            here.do(actions.ship(service))
    assert "not-the-right-one" not in str(refused.value)
    assert "403" in str(refused.value) or "Invalid" in str(refused.value)


def test_nothing_of_ours_can_delete_there(here: Here) -> None:
    """The program has no call that removes anything, and the store refuses to be asked."""
    tree = ast.parse(Path(program.__file__).read_text())
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not [name for name in called if re.match("delete|abort|put_bucket|put_object_(lock|ret)", name)]
    with pytest.raises(Refused, match="never to be asked to delete"):
        Bucket("b").remove("a")


def test_a_host_without_boto3_is_told_how_to_get_it(
    here: Here, service: Service, versioned: Endpoint, tmp_path: Path
) -> None:
    """A Python of its own with nothing installed."""
    subprocess.run(["python3", "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    bare = str(tmp_path / "bare/bin/python")
    service = shipping(service, versioned, versioned.bucket(next(_names)), tmp_path, s3_python=bare)
    here.do(actions.take(service))
    with pytest.raises(StepFailed, match="apt-get install python3-boto3"):
        here.do(actions.ship(service))


def test_buckets_are_read_from_the_inventory(tmp_path: Path) -> None:
    """A bucket and its prefix; secrets are references, and what cannot be is refused with its place."""
    secret = Secret("file", str(tmp_path / "x"))
    told = {
        "ship_to": "s3://my-bucket/a/b/",
        "s3_key_id": secret,
        "s3_secret": secret,
        "s3_region": "eu-west-1",
    }
    (store,) = stores_of(Service("redis", "r1", "systemd", "u", told))
    assert isinstance(store, Bucket)
    assert (store.name, store.bucket, store.root, store.endpoint) == (
        *("s3://my-bucket/a/b", "my-bucket", "a/b"),
        "",
    )
    for wrong in (
        {"ship_to": "s3://"},
        {"ship_to": "s3://UPPER"},
        {"ship_to": "s3://bucket/../x"},
        {"s3_endpoint": "ftp://x"},
        {"s3_lock_mode": "NONE"},
        {"s3_secret": None},
        {"s3_secret": "written out"},
    ):
        with pytest.raises(BadInventory):
            stores_of(Service("redis", "r1", "systemd", "u", {**told, **wrong}))
