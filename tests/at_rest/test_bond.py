"""What lets a restore trust one SHA-256: made when rows were read, broken by whoever changes a manifest."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.backup import actions
from agent.backup.model import Backup
from agent.errors import DrillyardError, StepFailed
from agent.payload import durable, rows, unfold
from agent.payload.kept_set import Place, load
from agent.payload.united import Link
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf
from tests.at_rest.test_broken import agreed, part


def put_back(shelf: Shelf, backup: Backup) -> None:
    """Restore it."""
    shelf.now += 60
    shelf.do(refserver.restore(Refserver.of(shelf.service), backup))


def manifest(backup: Backup) -> dict[str, Any]:
    """What it says."""
    return dict(msgspec.json.decode(Path(backup.path).read_bytes()))


def trusted(shelf: Shelf, backup: Backup) -> bool:
    """Whether its rows need not be read again."""
    return unfold.vouched(load(Place(shelf.library.data, shelf.backups), backup.id), Link())


def as_of_old(shelf: Shelf, backup: Backup) -> None:
    """Make of it what it would have been before: one stream of gzip, rows sorted, no bond."""
    path, told = part(backup, "sqlite"), manifest(backup)
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content, 3, mtime=int(told["taken"])))
    (shelf.folder / "old.db").write_bytes(content)
    with rows.opened(shelf.folder / "old.db") as database:
        told["parts"]["sqlite"]["holds"]["tables"] = rows.tables(database, rows.ROWS)
    told.pop("bond")
    Path(backup.path).write_bytes(msgspec.json.encode(told))
    agreed(shelf, backup, path)


def test_a_set_of_before_is_read_as_ever(shelf: Shelf) -> None:
    """Verified to the ground and restored, by its rows; an increment goes on from it."""
    backup = shelf.take()
    as_of_old(shelf, backup)
    state = shelf.library.state()
    assert not trusted(shelf, backup)
    assert "by" not in manifest(backup)["parts"]["sqlite"]["holds"]["tables"]["documents"]
    assert shelf.do(actions.verify(shelf.service, backup.id, "restored")).verified is not None
    shelf.library.fill(5, 300)
    hourly = shelf.take("hourly")
    put_back(shelf, hourly)
    put_back(shelf, backup)
    assert shelf.library.state() == state


def test_what_was_taken_is_trusted_and_only_that(shelf: Shelf) -> None:
    """Full and hourly ones are; not where their manifest, or how rows belong together, has changed."""
    daily, hourly = shelf.take(), shelf.take("hourly")
    assert trusted(shelf, daily)
    assert trusted(shelf, hourly)
    assert not unfold.vouched(load(Place(shelf.library.data, shelf.backups), daily.id), Link(key="name"))
    told = manifest(daily)
    for change in ("rows", "sum", "united"):
        changed = msgspec.json.decode(msgspec.json.encode(told))
        if change == "rows":
            changed["parts"]["sqlite"]["holds"]["tables"]["documents"]["rows"] += 1
        elif change == "sum":
            changed["parts"]["chromadb"]["sum"] = "0" * 64
        else:
            changed["united"] = {"row_without_file": ["x"]}
        Path(daily.path).write_bytes(msgspec.json.encode(changed))
        assert not trusted(shelf, daily), change


@pytest.mark.parametrize("bond", ["as it was", "taken away"])
def test_a_changed_row_is_found_by_its_row(shelf: Shelf, bond: str) -> None:
    """One row changed by SQLite itself, and every SHA-256 made to match: neither restored nor verified."""
    backup = shelf.take()
    path, told = part(backup, "sqlite"), manifest(backup)
    changed = shelf.folder / "changed.db"
    changed.write_bytes(gzip.decompress(path.read_bytes()))
    with closing(sqlite3.connect(changed)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("UPDATE documents SET bytes = bytes + 1 WHERE id = 'doc7'")
        database.commit()
    path.write_bytes(gzip.compress(changed.read_bytes(), mtime=int(told["taken"])))
    told["parts"]["sqlite"] |= {"sum": durable.digest(changed), "unpacked": changed.stat().st_size}
    if bond == "taken away":
        told.pop("bond")
    Path(backup.path).write_bytes(msgspec.json.encode(told))
    agreed(shelf, backup, path)
    before = shelf.library.state()
    with pytest.raises(StepFailed, match="table documents does not hold what its manifest says"):
        put_back(shelf, backup)
    assert shelf.library.state() == before
    with pytest.raises(DrillyardError, match="table documents does not hold"):
        shelf.do(actions.verify(shelf.service, backup.id))


def test_rows_that_differ_have_other_sums(tmp_path: Path) -> None:
    """By column: text and blob, NULL and nothing, a number and its text, a border moved."""
    tables = [
        [(1, "a", b"b")],
        [(1, b"a", b"b")],
        [(1, "a", "b")],
        [(1, None, b"b")],
        [(1, "", b"b")],
        [(1, 7, b"b")],
        [(1, 7.0, b"b")],
        [(1, "7", b"b")],
        [(1, "ab", b"c"), (2, "c", b"d")],
        [(1, "a", b"c"), (2, "bc", b"d")],
        [(1, "ab", b"c"), (2, None, b"d")],
        [(1, "ab", b"c"), (3, "c", b"d")],
    ]
    sums = set()
    for number, content in enumerate(tables):
        with closing(sqlite3.connect(tmp_path / f"{number}.db")) as database:
            database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a, b)")
            database.execute("CREATE TABLE w (a TEXT PRIMARY KEY, b) WITHOUT ROWID")
            database.executemany("INSERT INTO t VALUES (?, ?, ?)", content)
            database.commit()
            found = rows.tables(database)
            assert found["t"]["rows"] == len(content)
            sums.add(found["t"]["sha256"])
    assert len(sums) == len(tables)
