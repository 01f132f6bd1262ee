"""Copies off-site thinned out: by the policy, by another key, never the newest nor what it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.backup import actions, catalog
from agent.backup.far import prune_far
from agent.backup.lifecycle import rules
from agent.backup.model import Backup
from agent.backup.store import stores_of
from agent.cli import main
from agent.errors import Refused, StepFailed
from agent.inventory.model import Service
from agent.secrets import Secret
from tests.bucket import Endpoint, moto, rights_from, settings
from tests.documents import ROOT
from tests.sshd import Sshd
from tests.systems.server import Here

PLACE = "copies/redis/here"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """An endpoint with versions and object lock."""
    with moto() as serving:
        yield serving


def told(service: Service, **more: Any) -> Service:
    """The service with more in its inventory."""
    return replace(service, settings={**service.settings, **more})


def older(here: Here, service: Service, backup: Backup, days: int) -> Backup:
    """The same backup, as if it had been taken that many days ago, in the history."""
    at = (datetime.fromisoformat(backup.taken_at) - timedelta(days=days)).isoformat()
    aged = replace(backup, taken_at=at)
    here.do(catalog.record(service, aged))
    return aged


def three(here: Here, service: Service) -> list[Backup]:
    """Three verified backups of 20, 10 and 0 days ago, shipped; the newest is last."""
    found = []
    for number, days in enumerate((20, 10, 0)):
        kind = ("full", "aof", "full")[number]
        here.client.set(f"more:{number}", number)
        found.append(older(here, service, here.do(actions.take(service, kind=kind)), days))
        if number < 2:
            # One second has one name.
            _next_second(found[-1].id)
    here.do(actions.ship(service))
    return found


def _next_second(name: str) -> None:
    import time

    stamp = re.findall(r"\d{8}_\d{6}", name)[0]
    while time.strftime("%Y%m%d_%H%M%S", time.gmtime()) == stamp:
        time.sleep(0.05)


KEEP = {"last": 1}


@pytest.fixture(params=["folder", "ssh"])
def share(request: pytest.FixtureRequest, service: Service, tmp_path: Path) -> tuple[Service, Path]:
    """The service with a store, and where its copies lie: on this host, and behind a real sshd."""
    far = tmp_path / "far away"
    if request.param == "folder":
        return told(service, ship_to=[str(far)], keep=KEEP), far / "redis/here"
    sshd: Sshd = request.getfixturevalue("sshd")
    more = {
        "ship_to": [f"{sshd.user}@127.0.0.1:{far}"],
        "ship_port": sshd.port,
        "ship_key": sshd.key_file,
        "ship_prune_key": sshd.key_file,
        "ship_known_hosts": sshd.known_hosts,
    }
    return told(service, **more, keep=KEEP), far / "redis/here"


def names(folder: Path) -> set[str]:
    """The backups of which anything lies there."""
    return {path.name.partition(".")[0] for path in folder.iterdir()}


def test_a_share_keeps_what_the_policy_keeps(here: Here, share: tuple[Service, Path]) -> None:
    """--dry-run says it and touches nothing; then file, sidecar and entry of the old one are gone."""
    service, folder = share
    old, log, newest = three(here, service)
    (said,) = here.do(prune_far(service, dry=True))
    assert [each.backup.id for each in said.pruned.removed] == [old.id]
    assert names(folder) == {old.id, log.id, newest.id}
    (folder / "notes.txt").write_text("of somebody else")
    here.do(prune_far(service))
    assert names(folder) == {log.id, newest.id, "notes"}
    assert here.do(actions.fetch(service)).id == newest.id
    (again,) = here.do(prune_far(service))
    assert again.pruned.removed == ()
    # What lies here is not the far end's business.
    assert Path(old.path).exists()
    assert here.do(actions.ship(service)) == ()


def test_what_rotted_there_is_nobodys_reason(here: Here, share: tuple[Service, Path]) -> None:
    """The newest copy is damaged there: the one before it stays, and is the newest that holds."""
    service, folder = share
    old, _, newest = three(here, service)
    copy = folder / Path(newest.path).name
    copy.write_bytes(copy.read_bytes()[:-1])
    (done,) = here.do(prune_far(service))
    kept = {each.backup.id: each.reasons for each in done.pruned.kept}
    assert "the newest verified" in kept[old.id]
    assert old.id in names(folder)


def test_data_that_was_lost_keeps_what_was_before_it(here: Here, share: tuple[Service, Path]) -> None:
    """Entries there say nothing of what was found later; the history here does."""
    service, folder = share
    old, _, newest = three(here, service)
    here.do(catalog.revise(service, newest.id, lambda each: replace(each, breaks="its data was lost")))
    here.do(prune_far(service))
    assert old.id in names(folder)


def test_an_entry_cannot_lead_out_of_its_folder(here: Here, share: tuple[Service, Path]) -> None:
    """Somebody changed the far end's entries: nothing outside of the folder is removed, nor at all."""
    service, folder = share
    old, *_ = three(here, service)
    path = next(folder.glob(f"{old.id}*.json"))
    entry = msgspec.json.decode(path.read_bytes(), type=Backup)
    parts = ({"path": "/a/../../precious", "bytes": 1, "sha256": "0"},)
    path.write_bytes(msgspec.json.encode({**msgspec.to_builtins(entry), "parts": parts}) + b"\n")
    precious = folder.parents[1] / "precious"
    precious.write_text("x")
    with pytest.raises(StepFailed, match="below its own folder"):
        here.do(prune_far(service))
    assert precious.exists()
    assert old.id in names(folder)


@contextmanager
def _unbound(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Give the endpoint, and take back at the end what its keys may not do there."""
    try:
        yield endpoint
    finally:
        rights_from(endpoint, float("inf"))


def test_a_bucket_is_pruned_by_another_key_alone(
    here: Here, service: Service, endpoint: Endpoint, tmp_path: Path
) -> None:
    """The sender's key is refused by us, and by the endpoint; the other removes, and versions stay."""
    with _unbound(endpoint) as own:
        bucket = own.bucket("refserver-backups", lock=True)
        iam = own.client("iam")
        iam.create_user(UserName="agent")
        text = (ROOT / "docs/operators/refserver_backups.md").read_text()
        (policy,) = [each for each in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if "SendAnd" in each]
        iam.put_user_policy(UserName="agent", PolicyName="ship", PolicyDocument=policy)
        iam.create_user(UserName="pruner")
        (rights,) = [each for each in re.findall(r"```json\n(.*?)```", text, re.DOTALL) if "Remove" in each]
        iam.put_user_policy(UserName="pruner", PolicyName="prune", PolicyDocument=rights)
        made = [iam.create_access_key(UserName=name)["AccessKey"] for name in ("agent", "pruner")]
        sender, pruner = [(each["AccessKeyId"], each["SecretAccessKey"]) for each in made]
        service = told(
            service, **settings(own, bucket, tmp_path, key_id=sender[0], secret=sender[1]), keep=KEEP
        )
        old, log, newest = three(here, service)
        rights_from(own, 0)
        with pytest.raises(Refused, match="a key of its own"):
            here.do(prune_far(service))
        with pytest.raises(Refused, match="a key of its own"):
            here.do(prune_far(told(service, **keys(tmp_path, "s3_key_id", "s3_secret"))))
        for name, (key_id, secret) in (("same", sender), ("other", pruner)):
            (tmp_path / f"{name}_id").write_text(key_id)
            (tmp_path / f"{name}_secret").write_text(secret)
        with pytest.raises(StepFailed, match="AccessDenied"):
            here.do(prune_far(told(service, **keys(tmp_path, "same_id", "same_secret"))))
        rights_from(own, float("inf"))
        there = {f"{each}.rdb" for each in (old.id, newest.id)}
        assert there <= {key.rpartition("/")[2] for key in own.keys(bucket)}
        rights_from(own, 0)
        here.do(prune_far(told(service, **keys(tmp_path, "other_id", "other_secret"))))
        thief = own.client(key_id=pruner[0], secret=pruner[1])
        with pytest.raises(thief.exceptions.ClientError, match="AccessDenied"):
            thief.delete_object(Bucket=bucket, Key=f"{PLACE}/{newest.id}.rdb", VersionId="null")
        rights_from(own, float("inf"))
        left = own.keys(bucket)
        assert not [key for key in left if old.id in key]
        assert [key for key in left if newest.id in key]
        assert [key for key in left if log.id in key]
        versions = own.client().list_object_versions(Bucket=bucket, Prefix=PLACE)["Versions"]
        assert [each for each in versions if old.id in each["Key"]]


def keys(folder: Path, key_id: str, secret: str) -> dict[str, Secret]:
    """The settings of another key, which lies in those files."""
    return {
        "s3_prune_key_id": Secret("file", str(folder / key_id), "tests"),
        "s3_prune_secret": Secret("file", str(folder / secret), "tests"),
    }


def test_the_rules_never_expire_what_is_there(endpoint: Endpoint, service: Service, tmp_path: Path) -> None:
    """The endpoint takes them; whatever is current stays, however old: no rule knows what is the newest."""
    bucket = endpoint.bucket("with-rules")
    service = told(
        service, **settings(endpoint, bucket, tmp_path), keep={"daily": {"within": 7}, "history": 40}
    )
    (store,) = stores_of(service)
    said = rules(service, store)
    endpoint.client().put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=said)
    (rule,) = endpoint.client().get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rule["Expiration"] == {"ExpiredObjectDeleteMarker": True}
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 45}
    assert rule["Filter"] == {"Prefix": "copies/"}


def test_the_command_prints_the_rules(capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, of the example's bucket; a system without one is told so."""
    words = ["-i", str(ROOT / "inventory/example"), "--lifecycle"]
    assert main(["backup", "policy", "refserver", *words]) == 0
    (rule,) = json.loads(capsys.readouterr().out)["Rules"]
    assert rule["Filter"] == {"Prefix": "prod/"}
    assert main(["backup", "policy", "redis", *words]) == 22
