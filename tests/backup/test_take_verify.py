"""Backups of a real server: taken, proved, found again, and caught where they are not what they say."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.backup import actions, catalog, take
from agent.backup.all_of_them import verify_all
from agent.backup.model import Backup
from agent.errors import BackupDamaged, NoBackup, NoRoom
from agent.inventory.model import Service
from tests.systems.server import Here


def test_a_backup_is_whole_proved_and_readable_by_hand(here: Here, service: Service) -> None:
    """A backup has its name, sidecar and history; sha256sum -c and redis-check-rdb accept it without us."""
    backup = here.do(actions.take(service))
    assert backup.verified is not None
    assert backup.verified.depth == "restored"
    assert backup.contents == {"db0": 101}
    path = Path(backup.path)
    assert path.name == f"{backup.id}.rdb"
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, f"{path.name}.sha256"]
    subprocess.run(["sha256sum", "-c", f"{path.name}.sha256"], cwd=path.parent, check=True)
    subprocess.run(["redis-check-rdb", str(path)], check=True)
    assert here.do(actions.history(service)) == (backup,)
    assert here.do(actions.newest(service)) == backup
    assert here.client.get("drillyard:mark") == f"{backup.mark}+".encode()


def test_mark_stands_in_the_log_at_the_snapshot(here: Here, service: Service) -> None:
    """The snapshot's keys are exactly those whose writes stand before the mark in the log, writers or not."""
    writing = subprocess.Popen(
        [
            "redis-benchmark",
            "-s",
            here.socket,
            "-a",
            "tiger-und-katze",
            "-q",
            "-l",
            "-c",
            "8",
            "rpush",
            "l",
            "x",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _grown(here, 0)
        backup = here.do(actions.take(service))
        _grown(here, here.client.llen("l"))
    finally:
        writing.kill()
        writing.wait()
    here.kill()
    before, behind = here.log.read_bytes().split(f"\r\n{backup.mark}\r\n".encode())
    assert before.count(b"rpush") > 0
    assert behind.count(b"rpush") > 0
    here.take_only_dump(Path(backup.path))
    here.start()
    assert here.client.llen("l") == before.count(b"rpush\r\n$1\r\nl\r\n")
    assert here.client.get("drillyard:mark") == backup.mark.encode()


def _grown(here: Here, than: int) -> None:
    """Wait until the writer has written more."""
    end = time.monotonic() + 120
    while here.client.llen("l") <= than:
        assert time.monotonic() < end, f"{than} pushes, and no more"


def flip(path: Path, backup: Backup) -> None:
    """Change one byte."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def link(path: Path, backup: Backup) -> None:
    """Put a symbolic link in its place, to the very same bytes."""
    path.rename(path.with_suffix(".elsewhere"))
    path.symlink_to(path.with_suffix(".elsewhere"))


def lie(path: Path, backup: Backup) -> None:
    """Change one byte, and sidecar and history so that they agree."""
    flip(path, backup)
    digest = subprocess.run(
        ["sha256sum", str(path)], capture_output=True, text=True, check=True
    ).stdout.split()[0]
    Path(f"{path}.sha256").write_text(f"{digest}  {path.name}\n")
    history = path.parent.parent / "metadata" / "backup_history.json"
    history.write_text(history.read_text().replace(backup.sha256, digest))


def swap_mark(path: Path, backup: Backup) -> None:
    """Say that it carries another mark."""
    history = path.parent.parent / "metadata" / "backup_history.json"
    history.write_text(history.read_text().replace(f'"{backup.mark}"', '"20200101000000/1"'))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda path, _: path.unlink(), "is not there"),
        (lambda path, _: path.write_bytes(b""), "0 bytes"),
        (lambda path, _: os.truncate(path, 50), "50 bytes"),
        (flip, "SHA-256"),
        (link, "symbolic link"),
        (lambda path, backup: link(Path(f"{path}.sha256"), backup), "symbolic link"),
        (lambda path, _: Path(f"{path}.sha256").write_text("0" * 64 + "  x\n"), "sidecar"),
        (lie, "checksum|CRC|RDB|Wrong"),
        (swap_mark, "instead of"),
    ],
)
def test_a_broken_backup_is_caught(
    here: Here, service: Service, harm: Callable[[Path, Backup], None], named: str
) -> None:
    """Whatever is wrong with a backup, verify names it, and no recovery is offered it any more."""
    backup = here.do(actions.take(service))
    harm(Path(backup.path), backup)
    with pytest.raises(BackupDamaged, match=named):
        here.do(actions.verify(service))
    assert here.do(actions.newest(service, required=False)) is None
    with pytest.raises(NoBackup, match=backup.id):
        here.do(actions.newest(service))


def test_the_next_good_one_is_found(here: Here, service: Service) -> None:
    """A newest backup that is damaged or unproved gives way to the one before it."""
    older = here.do(actions.take(service))
    here.do(catalog.record(service, catalog_copy(older, id="redis_29990101_000000_full")))
    assert here.do(actions.newest(service)) == older


def catalog_copy(backup: Backup, **changes: object) -> Backup:
    """The same backup with something else in its history."""
    from dataclasses import replace

    return replace(backup, verified=None, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"version": 9, "backups": []}', '{"backups": 3}', '{"version": 1, "backups": [{"id": "x"}]}'],
)
def test_an_unreadable_history_is_said(here: Here, service: Service, text: str) -> None:
    """A history that cannot be read stops what needs it, and a recovery that can do without goes on."""
    here.do(actions.take(service, depth=None))
    Path(catalog.place(service)).write_text(text)
    for action in (actions.history, actions.verify, actions.newest):
        with pytest.raises(BackupDamaged, match="expected a history"):
            here.do(action(service))
    assert here.do(actions.newest(service, required=False)) is None


def test_a_history_that_points_elsewhere_is_refused(here: Here, service: Service) -> None:
    """A path outside of the backup volume is not followed."""
    here.do(actions.take(service, depth=None))
    place = Path(catalog.place(service))
    history = json.loads(place.read_text())
    history["backups"][0]["path"] = "/etc/passwd"
    place.write_text(json.dumps(history))
    with pytest.raises(BackupDamaged, match="outside"):
        here.do(actions.verify(service))


def test_too_little_room_begins_nothing(
    here: Here, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without room for the copy and a reserve nothing is written and Redis is not asked for a snapshot."""
    monkeypatch.setattr(take, "_RESERVE", 1 << 60)
    with pytest.raises(NoRoom, match=r"expected .* MiB free"):
        here.do(actions.take(service))
    assert here.client.info("persistence")["rdb_saves"] == 0


def test_no_history_is_no_backup(here: Here, service: Service) -> None:
    """A volume without a history holds no backup, and says so."""
    assert here.do(actions.history(service)) == ()
    with pytest.raises(NoBackup, match="history is empty"):
        here.do(actions.newest(service))


def test_every_backup_is_verified_and_each_bad_one_named(here: Here, service: Service) -> None:
    """One that rotted keeps none from its proof; what is no longer in the history does not come back."""
    with pytest.raises(NoBackup):
        here.do(verify_all(service))
    first = here.do(actions.take(service, depth=None))
    here.client.set("later", 1)
    second = here.do(actions.take(service, depth=None, kind="aof"))
    assert [each.verified is not None for each in here.do(verify_all(service))] == [True, True]
    Path(second.path).write_bytes(b"rotten")
    with pytest.raises(BackupDamaged, match=f"each of 2 backups to be sound, found that {second.id} is not"):
        here.do(verify_all(service))
    known = {each.id: each for each in here.do(actions.history(service))}
    assert known[first.id].verified
    assert not known[first.id].fault
    assert known[second.id].fault
    assert len(here.do(verify_all(service))) == 2
    here.do(catalog.forget(service, [first.id]))
    here.do(catalog.revise(service, first.id, lambda each: each))
    assert [each.id for each in here.do(actions.history(service))] == [second.id]
