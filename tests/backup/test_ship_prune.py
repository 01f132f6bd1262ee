"""Backups sent away, held to their checksum at the far end, brought back, and thinned out."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.backup import actions, catalog
from agent.backup.model import Backup
from agent.backup.store import Folder, OverSsh, stores_of
from agent.errors import BackupDamaged, BadInventory, NoBackup, NotFound, StepFailed
from agent.inventory.model import Service
from tests.sshd import Sshd
from tests.systems.server import Here

Far = Callable[[], Service]


def with_settings(service: Service, **settings: Any) -> Service:
    """The same service with more in its inventory."""
    return replace(service, settings={**service.settings, **settings})


@pytest.fixture(params=["folder", "ssh"])
def shipping(request: pytest.FixtureRequest, service: Service, tmp_path: Path) -> tuple[Service, Path]:
    """The service with a store, and the store's folder: on this host, and behind a real sshd."""
    far = tmp_path / "far away"
    if request.param == "folder":
        return with_settings(service, ship_to=[str(far)]), far
    sshd: Sshd = request.getfixturevalue("sshd")
    settings = {
        "ship_to": [f"{sshd.user}@127.0.0.1:{far}"],
        "ship_port": sshd.port,
        "ship_key": sshd.key_file,
        "ship_known_hosts": sshd.known_hosts,
    }
    return with_settings(service, **settings), far


def test_a_copy_is_held_to_its_checksum_there(here: Here, shipping: tuple[Service, Path]) -> None:
    """File, sidecar and entry lie there, sha256sum -c accepts them, and the history says where and when."""
    service, far = shipping
    backup = here.do(actions.take(service))
    (shipped,) = here.do(actions.ship(service))
    assert (shipped.backup, shipped.sent, shipped.bytes) == (backup.id, True, backup.bytes)
    folder = far / "redis" / "here"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"{backup.id}.rdb",
        f"{backup.id}.rdb.json",
        f"{backup.id}.rdb.sha256",
    ]
    subprocess.run(["sha256sum", "-c", f"{backup.id}.rdb.sha256"], cwd=folder, check=True)
    (held,) = here.do(actions.history(service))
    assert list(held.shipped) == [shipped.store]
    assert here.do(actions.ship(service)) == ()


def test_what_rotted_there_is_sent_again(here: Here, shipping: tuple[Service, Path]) -> None:
    """A look at what the store holds finds a flipped byte, and mends it; a sound copy is left alone."""
    service, far = shipping
    backup = here.do(actions.take(service))
    here.do(actions.ship(service))
    copy = far / "redis" / "here" / f"{backup.id}.rdb"
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    assert [each.sent for each in here.do(actions.ship(service, again=True))] == [True]
    assert copy.read_bytes() == Path(backup.path).read_bytes()
    assert [each.sent for each in here.do(actions.ship(service, again=True))] == [False]


def test_what_arrives_wrong_is_not_counted(
    here: Here, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A far end that spoils what it is given: said, removed, and not in the history."""
    service = with_settings(service, ship_to=[str(tmp_path / "far")])
    backup = here.do(actions.take(service))
    spoils = """# copy to the share\nmkdir -p "${2%/*}"; (cat "$1"; echo X) >"$2" """
    monkeypatch.setattr("agent.backup.store._COPY", spoils)
    with pytest.raises(BackupDamaged, match="what arrived was removed"):
        here.do(actions.ship(service))
    assert not list((tmp_path / "far").rglob("*.rdb*"))
    assert here.do(actions.history(service))[0] == backup


def test_what_is_damaged_here_is_not_sent(here: Here, service: Service, tmp_path: Path) -> None:
    """Its own checksum is made before it goes."""
    service = with_settings(service, ship_to=[str(tmp_path / "far")])
    backup = here.do(actions.take(service))
    os.truncate(backup.path, 50)
    with pytest.raises(BackupDamaged, match="it was not sent"):
        here.do(actions.ship(service))
    assert not list((tmp_path / "far").rglob("*.rdb*"))


def test_an_unproved_one_is_not_sent(here: Here, service: Service, tmp_path: Path) -> None:
    """What was not verified is no backup yet."""
    service = with_settings(service, ship_to=[str(tmp_path / "far")])
    here.do(actions.take(service, depth=None))
    assert here.do(actions.ship(service)) == ()


def test_a_far_end_that_is_not_there_is_an_error(here: Here, shipping: tuple[Service, Path]) -> None:
    """Whatever keeps it from arriving, the sentence says so and nothing counts as shipped."""
    service, far = shipping
    backup = here.do(actions.take(service))
    far.write_text("a file where a folder should be")
    with pytest.raises(StepFailed):
        here.do(actions.ship(service))
    assert here.do(actions.history(service)) == (backup,)


def test_a_lost_volume_comes_back_from_a_store(here: Here, shipping: tuple[Service, Path]) -> None:
    """Everything in the backup folder is gone: the newest verified copy is fetched, and can be relied on."""
    service, _ = shipping
    backup = here.do(actions.take(service))
    here.do(actions.ship(service))
    subprocess.run(["rm", "-rf", str(Path(backup.path).parents[1])], check=True)
    assert here.do(actions.newest(service, required=False)) is None
    fetched = here.do(actions.fetch(service))
    assert fetched is not None
    assert (fetched.id, fetched.sha256, fetched.verified) == (backup.id, backup.sha256, backup.verified)
    assert here.do(actions.newest(service)) == fetched
    here.do(actions.verify(service))


def test_another_host_takes_its_place(here: Here, shipping: tuple[Service, Path]) -> None:
    """A spare fetches what another host had shipped, and has it in its own history."""
    service, _ = shipping
    backup = here.do(actions.take(service))
    here.do(actions.ship(service))
    spare = with_settings(replace(service, host="spare"), backup_dir=str(here.folder / "spare"))
    with pytest.raises(NoBackup, match="of spare in a store"):
        here.do(actions.fetch(spare))
    fetched = here.do(actions.fetch(spare, origin="here"))
    assert fetched is not None
    assert fetched.host == "spare"
    assert here.do(actions.newest(spare)) == fetched
    assert Path(fetched.path).read_bytes() == Path(backup.path).read_bytes()


def test_a_copy_that_rotted_there_is_not_brought_back(here: Here, shipping: tuple[Service, Path]) -> None:
    """What arrives with another checksum is removed; the one before it is taken."""
    service, far = shipping
    older = here.do(actions.take(service))
    newer = catalog_copy(here, service, older)
    here.do(actions.ship(service))
    subprocess.run(["rm", "-rf", str(Path(older.path).parents[1])], check=True)
    copy = far / "redis" / "here" / Path(newer.path).name
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    fetched = here.do(actions.fetch(service))
    assert fetched is not None
    assert fetched.id == older.id


def catalog_copy(here: Here, service: Service, backup: Backup) -> Backup:
    """Enter a second backup, the same but half a second later."""
    later = backup.id.replace("redis_2", "redis_9")
    path = backup.path.replace(backup.id, later)
    subprocess.run(["cp", backup.path, path], check=True)
    Path(f"{path}.sha256").write_text(f"{backup.sha256}  x\n")
    at = datetime.fromisoformat(backup.taken_at) + timedelta(milliseconds=500)
    copy = replace(backup, id=later, path=path, taken_at=at.isoformat())
    here.do(catalog.record(service, copy))
    return copy


def test_what_breaks_off_on_its_way_back_is_gone_on_with(tmp_path: Path) -> None:
    """rsync ends with 12 where the line broke, and comes again; with 11 the disk is full, and it does not."""
    (tmp_path / "rsync").write_text(
        f"#!/bin/sh\necho x >>{tmp_path}/tries\nexit $(head -n1 {tmp_path}/codes)\n"
    )
    (tmp_path / "rsync").chmod(0o755)
    for codes, tries, ended in (("12", 2, 0), ("11", 1, 11)):
        (tmp_path / "codes").write_text(f"{codes}\n")
        (tmp_path / "tries").write_text("")
        ask = OverSsh("backup@far", "/copies").receive("/copies/a", str(tmp_path / "a"))
        assert ask.script
        script = ask.argv[0].replace("code=$?", f"code=$?; [ $code = 11 ] || echo 0 >{tmp_path}/codes")
        env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        done = subprocess.run(["sh", "-c", script, "sh", *ask.argv[1:]], env=env, check=False)
        assert (done.returncode, (tmp_path / "tries").read_text().count("x")) == (ended, tries)


def test_stores_are_read_from_the_inventory() -> None:
    """Folders and SSH targets; anything else is refused with its place."""
    service = Service("redis", "r1", "systemd", "u", {"ship_to": ["/mnt/a/", "backup@dr1:/srv/b"]})
    assert stores_of(service) == (Folder("/mnt/a"), OverSsh("backup@dr1", "/srv/b"))
    for wrong in (
        ["relative"],
        ["/a/../b"],
        ["-oProxyCommand=x:/y"],
        [3],
        {"a": 1},
        ["s3:bucket"],
        ["ftp://a/b"],
    ):
        with pytest.raises(BadInventory, match="ship_to"):
            stores_of(Service("redis", "r1", "systemd", "u", {"ship_to": wrong}))


def test_no_store_is_said(here: Here, service: Service) -> None:
    """Without a store in the inventory there is nothing to ship to, and without that name no such store."""
    here.do(actions.take(service))
    with pytest.raises(NotFound, match="It has: none"):
        here.do(actions.ship(service))
    with pytest.raises(NotFound, match="Did you mean /mnt/far"):
        here.do(actions.ship(with_settings(service, ship_to=["/mnt/far"]), to="/mnt/fra"))


def test_prune_removes_files_and_entries(here: Here, service: Service) -> None:
    """First it only says so; then file, sidecar and entry are gone, and the newest verified is not."""
    service = with_settings(service, keep={"last": 1})
    older = here.do(actions.take(service))
    newer = catalog_copy(here, service, older)
    said = here.do(actions.prune(service, dry=True))
    assert [each.backup.id for each in said.removed] == [older.id]
    assert Path(older.path).exists()
    pruned = here.do(actions.prune(service))
    assert (pruned.bytes, len(pruned.kept)) == (older.bytes, 1)
    assert sorted(path.name for path in Path(newer.path).parent.iterdir()) == [
        f"{newer.id}.rdb",
        f"{newer.id}.rdb.sha256",
    ]
    assert [each.id for each in here.do(actions.history(service))] == [newer.id]


def test_prune_trusts_no_rotten_backup(here: Here, service: Service) -> None:
    """The newest verified one has rotted since: nothing is removed, and the next one keeps the older."""
    service = with_settings(service, keep={"last": 1})
    older = here.do(actions.take(service))
    newer = catalog_copy(here, service, older)
    os.truncate(newer.path, 50)
    with pytest.raises(BackupDamaged, match=f"{newer.id}.*nothing was removed"):
        here.do(actions.prune(service))
    assert Path(newer.path).exists()
    assert here.do(actions.prune(service)).removed == ()
    assert here.do(actions.newest(service)) == older


def test_two_who_write_at_once_lose_nothing(here: Here, service: Service) -> None:
    """A history written from several places at a time has what each of them wrote."""
    backup = here.do(actions.take(service, depth=None))
    start = threading.Barrier(4)

    def write(number: int) -> None:
        start.wait()
        for turn in range(3):
            name = f"redis_{number}{turn}"
            here.do(catalog.record(service, replace(backup, id=name)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(here.do(actions.history(service))) == 13


def test_an_emptied_database_is_noticed_and_not_restored_from(here: Here, service: Service) -> None:
    """A schedule that goes on after a loss: its copies say so, and a recovery passes them over until told."""
    good = here.do(actions.take(service))
    here.client.flushall()
    here.client.set("new", "life")
    empty = here.do(actions.take(service, kind="aof"))
    assert "held no mark at all" in empty.breaks
    assert here.do(actions.newest(service)) == empty
    assert here.do(actions.newest(service, whole=True)) == good
    assert here.do(actions.newest(service, name=empty.id)) == empty
    assert here.do(actions.accept(service)) == 1
    assert here.do(actions.newest(service, whole=True)) == replace(empty, breaks="")


def test_what_was_put_back_sets_the_copies_of_the_loss_aside(here: Here, service: Service) -> None:
    """After a restore no copy of the lost state is used again, and the schedule goes on from the good one."""
    good = here.do(actions.take(service))
    assert here.do(actions.set_back(service, f"{good.mark}+")) == ""
    assert here.do(actions.set_back(service, None)) == ""
    assert good.id in here.do(actions.set_back(service, ""))
    held = here.client.get("drillyard:mark")
    here.client.flushall()
    empty = here.do(actions.take(service, kind="aof"))
    assert "held no mark" in here.do(actions.set_back(service, f"{empty.mark}+"))
    assert held
    here.client.set("drillyard:mark", held)
    assert here.do(actions.set_aside(service)) == 1
    assert here.do(actions.newest(service)) == good
    assert here.do(actions.set_back(service, held.decode())) == ""
    assert here.do(actions.set_aside(service)) == 0


def test_a_store_that_fails_keeps_no_copy_from_the_others(
    here: Here, service: Service, tmp_path: Path
) -> None:
    """The first is no folder: the second gets its copy, and then the first one's error is told."""
    (tmp_path / "broken").write_text("a file where a folder should be")
    service = with_settings(service, ship_to=[str(tmp_path / "broken"), str(tmp_path / "far")])
    backup = here.do(actions.take(service))
    with pytest.raises(StepFailed, match="broken"):
        here.do(actions.ship(service))
    assert list(here.do(actions.history(service))[0].shipped) == [str(tmp_path / "far")]
    assert (tmp_path / "far/redis/here" / Path(backup.path).name).is_file()


def test_only_the_stores_that_are_named_are_asked(here: Here, service: Service, tmp_path: Path) -> None:
    """Two hold it: with the beginning of a name only that one is asked, and where none is named so, none."""
    service = with_settings(service, ship_to=[str(tmp_path / "a"), str(tmp_path / "b")])
    backup = here.do(actions.take(service))
    here.do(actions.ship(service))
    subprocess.run(["rm", "-rf", str(Path(backup.path).parents[1]), str(tmp_path / "a")], check=True)
    with pytest.raises(NoBackup, match="found none"):
        here.do(actions.fetch(service, store=str(tmp_path / "a")))
    with pytest.raises(NoBackup, match="names no store s3://"):
        here.do(actions.fetch(service, store="s3://"))
    fetched = here.do(actions.fetch(service, store=str(tmp_path / "b")))
    assert fetched is not None
    assert fetched.id == backup.id
