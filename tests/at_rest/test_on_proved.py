"""An hour is proved on what was proved before; once a week, and on demand, all of it is unpacked."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.backup import actions
from agent.backup.all_of_them import verify_all
from agent.backup.model import Backup
from agent.backup.verify import verify
from agent.errors import BackupDamaged, NoRoom
from agent.payload.kept_set import KeptSet, Place, load
from agent.payload.unfold import needs
from agent.transport.ask import Sh
from tests.at_rest.conftest import Shelf

LARGE = 12 << 20
RESERVE = 64 << 20


@contextmanager
def volume(folder: Path, size: int) -> Iterator[None]:
    """A file system of its own."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def leave(folder: Path, free: int) -> None:
    """Fill it but for so many bytes."""
    facts = os.statvfs(folder)
    (folder / "others").write_bytes(bytes(facts.f_bavail * facts.f_frsize - free))


def test_an_hour_needs_no_room_for_all_files(shelf: Shelf) -> None:
    """Of 50 GB of PDFs an hour's few are unpacked; who asks for all of it is told of the room that takes."""
    with volume(shelf.backups, 160 << 20):
        shelf.library.upload("large", os.urandom(LARGE))
        daily = shelf.take()
        shelf.library.fill(3, 100)
        leave(shelf.backups, RESERVE + (6 << 20))
        hourly = shelf.take("hourly")
        assert hourly.parent == daily.id
        assert hourly.verified is not None
        assert hourly.verified.depth == "restored"
        assert f"on what was proved of {daily.id}" in hourly.verified.detail
        with pytest.raises(NoRoom):
            shelf.do(actions.verify(shelf.service, hourly.id))
        (shelf.backups / "others").unlink()
        proved = shelf.do(actions.verify(shelf.service, hourly.id)).verified
        assert proved is not None
        assert "proved of" not in proved.detail


@pytest.mark.parametrize("wrong", ["old", "new", "vanished"])
def test_an_hour_that_says_what_is_not_so_is_caught(shelf: Shelf, wrong: str) -> None:
    """It claims other content of a file of before, or of one of its own, or a file that nobody has."""
    shelf.take()
    shelf.library.fill(1, 900)
    hourly = shelf.take("hourly", depth=None)
    manifest = json.loads(Path(hourly.path).read_bytes())
    before = json.loads((shelf.backups / f"metadata/{hourly.parent}.json").read_bytes())
    held = manifest["parts"]["files"]["holds"]["files"]
    own = set(held) - set(before["parts"]["files"]["holds"]["files"])
    name = {"old": min(set(held) - own), "new": min(own), "vanished": "none.pdf"}[wrong]
    held[name] = [*held.get(name, [10, 0])[:2], hashlib.sha256(b"other").hexdigest()]
    entered(shelf, hourly, json.dumps(manifest).encode())
    with pytest.raises(BackupDamaged, match=f"{name} of {hourly.id} is"):
        shelf.do(verify(shelf.service, hourly.id, proved=None))


def entered(shelf: Shelf, backup: Backup, manifest: bytes) -> None:
    """Have another manifest in its place, with the sums that belong to it."""
    total = hashlib.sha256(manifest).hexdigest()
    Path(backup.path).write_bytes(manifest)
    Path(f"{backup.path}.sha256").write_text(f"{total}  {Path(backup.path).name}\n")
    history = shelf.backups / "metadata/backup_history.json"
    told = json.loads(history.read_bytes())
    for each in told["backups"]:
        if each["id"] == backup.id:
            each["bytes"], each["sha256"] = len(manifest), total
    history.write_bytes(json.dumps(told).encode())


def test_all_are_proved_from_nothing_and_each_file_is_read_once(shelf: Shelf) -> None:
    """Weekly: what others go on from first, with all its files; these are not unpacked a second time."""
    ids = [shelf.take(kind).id for kind in ("weekly", "daily", "hourly", "hourly")]
    read: Counter[str] = Counter()
    asked: list[tuple[str, list[str]]] = []

    def counted() -> Generator[Any, Any, tuple[Backup, ...]]:
        action = verify_all(shelf.service)
        answer: Any = None
        while True:
            try:
                ask = action.send(answer)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            if isinstance(ask, Sh) and "# size and checksum" in ask.argv[0]:
                read[ask.argv[1]] += 1
            if isinstance(ask, Sh) and '"proved"' in ask.argv[-1]:
                told = json.loads(ask.argv[-1])
                asked.append((told["id"], told["proved"]))
            answer = yield ask

    found = shelf.do(counted())
    assert {each.id for each in found} == set(ids)
    assert set(read.values()) == {1}
    weekly, daily, first, second = ids
    assert [name for name, _ in asked] == [daily, first, second, weekly]
    assert asked[0] == (daily, [])
    assert asked[2] == (second, sorted([daily, first]))


def test_a_restore_needs_room_for_each_file_once(shelf: Shelf) -> None:
    """And for one that grew in its largest form. Twice as much was asked for, and so refused without need."""
    shelf.library.upload("large", os.urandom(LARGE))
    shelf.take()
    shelf.library.fill(2, 300)
    hourly = shelf.take("hourly")
    place = Place(shelf.library.data, shelf.backups)
    sets: list[KeptSet] = [load(place, hourly.parent), load(place, hourly.id)]
    held = sets[-1].parts["files"].holds["files"]
    size = sum(each[0] for each in held.values())
    assert size <= needs(place, sets, "files") <= size + 4096 * len(held)
    assert needs(place, sets, "files", 1) < LARGE
