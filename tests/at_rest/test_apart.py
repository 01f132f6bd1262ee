"""Parts of a RefServer's data on disks of their own: sets are taken of them all the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.payload.durable import Refuse
from agent.payload.swap import swap
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf

OTHER = Path("/dev/shm")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the data's."""
    if not OTHER.is_dir() or OTHER.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{OTHER} is no file system of its own")
    with TemporaryDirectory(dir=OTHER) as folder:
        yield Path(folder)


@pytest.mark.parametrize("element", ["pdfs", "chromadb", "backups"])
def test_a_part_on_another_disk_is_taken_and_restored(shelf: Shelf, disk: Path, element: str) -> None:
    """No second name leads from one disk to another: files are held beside themselves."""
    place, there = shelf.folder / "data" / element, disk / element
    if place.exists():
        shutil.copytree(place, there)
        shutil.rmtree(place)
    else:
        there.mkdir()
    place.symlink_to(there)
    shelf.take("daily")
    shelf.library.fill(5, 100)
    newest = shelf.take("hourly")
    assert list(there.glob(".drillyard*")) == []
    state = shelf.library.state()
    shelf.library.fill(50, 500)
    shelf.do(refserver.restore(Refserver.of(shelf.service), newest))
    assert shelf.library.state() == state


def test_a_mounted_folder_is_refused_before_anything_is_moved(tmp_path: Path) -> None:
    """No rename takes it away: half of a restore would be in place, and no second try could end it."""
    (tmp_path / "a").touch()
    moves = [(tmp_path / "a", tmp_path / "b"), (Path("/proc"), tmp_path / "proc")]
    with pytest.raises(Refuse, match=r"expected /proc to be a plain folder.*Mount that elsewhere"):
        swap(tmp_path, moves)
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]
