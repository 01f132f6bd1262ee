"""A folder in use is walked: what goes between the listing and the look is left out, and nothing fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.payload import list_sets, look_data, second_names, stream
from agent.payload.kept_set import KeptSet, Place
from tests.at_rest.conftest import Shelf

_WALK = os.walk


def _with_a_ghost(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk, and name a file that the application deletes right then."""
    for root, folders, names in _WALK(folder):
        yield root, folders, [*names, "deleted.pdf"]


def test_a_set_leaves_out_what_was_deleted_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links and what is not whole yet are left out too; the second names are those of what is there."""
    files, links = tmp_path / "pdfs", tmp_path / "links"
    (files / "1999").mkdir(parents=True)
    for name in ("a.pdf", "1999/b.pdf", ".half.pdf"):
        (files / name).write_bytes(b"content")
    (files / "link.pdf").symlink_to(files / "a.pdf")
    monkeypatch.setattr(os, "walk", _with_a_ghost)
    # It was there a moment ago, for whoever asks first and looks then.
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    assert {name: size for name, (size, _) in second_names.listed(files).items()} == {
        "a.pdf": 7,
        "1999/b.pdf": 7,
    }
    assert set(second_names.linked(files, links)) == {"a.pdf", "1999/b.pdf"}
    assert (links / "1999/b.pdf").read_bytes() == b"content"


def test_what_was_shipped_is_told_while_litestream_removes_its_oldest(tmp_path: Path) -> None:
    """The name of one that is gone, a dead link here, is passed over; the times are those of the others."""
    log = tmp_path / "log" / "ltx" / "0"
    log.mkdir(parents=True)
    (log / "2.ltx").touch()
    os.utime(log / "2.ltx", (1_700_000_000, 1_700_000_000))
    (log / "1.ltx").symlink_to(log / "removed.ltx")
    place = {"data": str(tmp_path), "backups": str(tmp_path / "backups"), "database": "refserver.db"}
    told = stream.standing({"place": place, "stream": str(tmp_path), "config": str(tmp_path / "none.yml")})
    assert (told["oldest"], told["newest"], told["behind"]) == (1_700_000_000, 1_700_000_000, 0.0)


def test_a_look_at_the_files_goes_on_where_a_folder_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was listed, and is gone when it is its turn: the others are named."""
    for name in ("1999/a.pdf", "2000/b.pdf", ".half/c.pdf", "d.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"content")
    (tmp_path / "link.pdf").symlink_to(tmp_path / "d.pdf")
    scan = os.scandir

    def deleted(folder: str | Path | int) -> Any:
        if not isinstance(folder, int) and Path(folder).name == "2000":
            shutil.rmtree(folder, ignore_errors=True)
        return scan(folder)

    monkeypatch.setattr(os, "scandir", deleted)
    assert list(look_data._names(tmp_path)) == ["1999/a.pdf", "d.pdf"]


def test_a_set_that_is_pruned_while_sets_are_listed_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest was named, and is gone when it is read: nothing is wrong, and the others are listed."""
    shelf = Shelf(tmp_path)
    shelf.library.fill(3)
    stays, goes = shelf.take(), shelf.take()
    load = list_sets.load

    def pruned(place: Place, name: str) -> KeptSet:
        if name == goes.id:
            (shelf.backups / f"metadata/{name}.json").unlink()
        return load(place, name)

    monkeypatch.setattr(list_sets, "load", pruned)
    told = list_sets.listed({"place": {"data": str(shelf.library.data), "backups": str(shelf.backups)}})
    assert ([each["id"] for each in told["sets"]], told["wrong"]) == ([stays.id], [])
