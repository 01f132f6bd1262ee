"""Prune: what stays is looked at before anything goes, and a disk without a free byte gets room."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.backup import actions
from agent.backup.model import Backup
from agent.errors import BackupDamaged
from tests.at_rest.conftest import Shelf

KEEP = {"hourly": {"within": 2}, "daily": {"within": 7}, "weekly": {"within": 30}, "history": 30}


class Kept:
    """Three days of sets under the guide's policy, of which two hours go."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        shelf.service.settings["keep"] = KEEP  # type: ignore[index]
        self.base = shelf.take("daily")
        self.old = [shelf.take("hourly") for _ in range(2)]
        shelf.now += 3 * 86400
        shelf.library.fill(1, 900)
        self.newest = shelf.take("daily")
        self.last = shelf.take("hourly")

    def files(self) -> set[str]:
        """What lies there of all of them."""
        every = [self.base, *self.old, self.newest, self.last]
        return {part.path for each in every for part in each.files if Path(part.path).exists()}

    def known(self) -> dict[str, Backup]:
        """What the history says."""
        return {each.id: each for each in self.shelf.do(actions.history(self.shelf.service))}


@pytest.fixture
def kept(shelf: Shelf) -> Kept:
    """On the test's own disk."""
    return Kept(shelf)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a volume of 100 MiB: the smallest that has room for a backup and its reserve."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def gone(path: Path) -> str:
    """Somebody has removed it."""
    path.unlink()
    return "is not there"


def rotten(path: Path) -> str:
    """A bit has flipped."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return "SHA-256"


def other_sidecar(path: Path) -> str:
    """Somebody has written another sum beside it."""
    Path(f"{path}.sha256").write_text(f"{'0' * 64}  {path.name}\n")
    return "sidecar"


@pytest.mark.parametrize(("which", "breaks"), [("base", gone), ("newest", rotten), ("last", other_sidecar)])
def test_nothing_goes_where_what_stays_is_not_whole(
    kept: Kept, which: str, breaks: Callable[[Path], str]
) -> None:
    """Whatever it is that stays: the fault enters the history, nothing is removed, and it is said."""
    backup: Backup = getattr(kept, which)
    said = breaks(Path(backup.parts[0].path))
    before = kept.files()
    with pytest.raises(BackupDamaged, match=f"{backup.id}.*{said}.*nothing was removed"):
        kept.shelf.do(actions.prune(kept.shelf.service, dry=True))
    assert not kept.known()[backup.id].fault
    with pytest.raises(BackupDamaged, match=f"{backup.id}.*{said}.*nothing was removed"):
        kept.shelf.do(actions.prune(kept.shelf.service))
    assert kept.files() == before
    assert said in kept.known()[backup.id].fault
    assert kept.known()[backup.id].verified is None


def test_the_next_one_decides_without_what_is_damaged(kept: Kept) -> None:
    """An hour whose base rotted proves nothing: the older hours are not removed in the trust of it."""
    rotten(Path(kept.newest.parts[0].path))
    with pytest.raises(BackupDamaged):
        kept.shelf.do(actions.prune(kept.shelf.service))
    pruned = kept.shelf.do(actions.prune(kept.shelf.service))
    left = {each.backup.id for each in pruned.kept}
    assert {kept.base.id, kept.old[1].id, kept.last.id} <= left
    assert {each.backup.id for each in pruned.removed} == {kept.old[0].id} - left


def test_the_sound_twin_is_pruned(kept: Kept) -> None:
    """Nothing is wrong: what the policy does not keep goes."""
    pruned = kept.shelf.do(actions.prune(kept.shelf.service))
    assert {each.backup.id for each in pruned.removed} == {each.id for each in kept.old}
    assert set(kept.known()) == {kept.base.id, kept.newest.id, kept.last.id}


def lying(kept: Kept, path: str) -> None:
    """The history says of one that goes that a file is its own."""
    place = kept.shelf.backups / "metadata/backup_history.json"
    told = json.loads(place.read_bytes())
    for each in told["backups"]:
        if each["id"] == kept.old[0].id:
            each["parts"][0]["path"] = path
    place.write_text(json.dumps(told))


def test_a_history_that_gives_one_file_to_two_removes_none_that_stays(kept: Kept) -> None:
    """What is kept keeps its files, whoever else claims them."""
    lying(kept, kept.newest.parts[0].path)
    kept.shelf.do(actions.prune(kept.shelf.service))
    assert all(Path(part.path).exists() for part in kept.newest.files)


def test_a_history_that_leads_out_of_the_backups_removes_nothing(kept: Kept, tmp_path: Path) -> None:
    """A part that is said to lie elsewhere: the history is refused."""
    victim = tmp_path / "victim"
    victim.write_text("not a backup")
    lying(kept, str(victim))
    with pytest.raises(BackupDamaged, match="outside of the backup volume"):
        kept.shelf.do(actions.prune(kept.shelf.service))
    assert victim.exists()


def fill_up(folder: Path) -> None:
    """Leave not one byte free."""
    with (folder / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(1 << 12))
        except OSError:
            pass
    assert os.statvfs(folder).f_bavail == 0


def test_a_disk_without_a_free_byte_gets_room(tmp_path: Path, small: Path) -> None:
    """What goes is removed, and the history is written with the room that makes."""
    shelf = Shelf(tmp_path / "home")
    shelf.library.fill(10)
    shelf.service.settings["backup_dir"] = str(small)  # type: ignore[index]
    shelf.backups = small
    kept = Kept(shelf)
    fill_up(small)
    pruned = shelf.do(actions.prune(shelf.service))
    assert {each.backup.id for each in pruned.removed} == {each.id for each in kept.old}
    assert os.statvfs(small).f_bavail > 0
    assert set(kept.known()) == {kept.base.id, kept.newest.id, kept.last.id}
    assert kept.files() == {part.path for each in (kept.base, kept.newest, kept.last) for part in each.files}
    assert not [path for path in (small / "metadata").iterdir() if path.name.endswith(".new")]


def test_a_history_is_never_lost_for_lack_of_room(tmp_path: Path, small: Path) -> None:
    """Nothing that goes sets anything free: the error says so, and the history is the one of before."""
    shelf = Shelf(tmp_path / "home")
    shelf.library.fill(10)
    shelf.service.settings["backup_dir"] = str(small)  # type: ignore[index]
    shelf.backups = small
    kept = Kept(shelf)
    place = small / "metadata/backup_history.json"
    before = place.read_bytes()
    for each in kept.old:
        for part in each.files:
            Path(part.path).unlink()
            Path(f"{part.path}.sha256").unlink(missing_ok=True)
    fill_up(small)
    with pytest.raises(Exception, match="No space left"):
        shelf.do(actions.prune(shelf.service))
    assert place.read_bytes() == before
    assert not [path for path in place.parent.iterdir() if path.name.endswith(".new")]
    (small / "ballast").unlink()
    shelf.do(actions.prune(shelf.service))
    assert set(kept.known()) == {kept.base.id, kept.newest.id, kept.last.id}
