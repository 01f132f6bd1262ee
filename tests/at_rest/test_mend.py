"""Damage is recognised and not assumed; what is put back alone fits the rest again."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.backup import actions
from agent.errors import NoBackup, ProofFailed, StepFailed
from agent.payload import dropped
from agent.payload.united import Link
from agent.runbook.expressions import evaluate, fill
from agent.runbook.load import load_page
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf


def system(shelf: Shelf) -> Refserver:
    """What the actions want first."""
    return Refserver.of(shelf.service)


def change(shelf: Shelf, *words: str) -> None:
    """Change the database behind the application's back."""
    with closing(sqlite3.connect(shelf.library.database)) as database:
        for word in words:
            database.execute(word)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def overwrite(shelf: Shelf, at: int, content: bytes) -> None:
    """Write into the file itself."""
    change(shelf)
    with shelf.library.database.open("r+b") as file:
        file.seek(at)
        file.write(content)


SQLITE: dict[str, tuple[Callable[[Shelf], object], str]] = {
    "header": (lambda shelf: overwrite(shelf, 0, bytes(100)), "damaged"),
    "page": (lambda shelf: overwrite(shelf, 4096, b"\xff" * 4096), "damaged"),
    "empty": (lambda shelf: overwrite(shelf, 0, b"") or os.truncate(shelf.library.database, 0), "damaged"),
    "cut": (lambda shelf: overwrite(shelf, 0, b"") or os.truncate(shelf.library.database, 9000), "damaged"),
    "gone": (lambda shelf: shelf.library.database.unlink(), "missing"),
    "changed": (lambda shelf: change(shelf, "UPDATE documents SET name = 'x' WHERE id = 'doc7'"), "changed"),
    "row against file and vector": (
        lambda shelf: change(shelf, "UPDATE documents SET sha256 = 'x', updated_at = 9 WHERE id = 'doc7'"),
        "changed",
    ),
    "began anew, empty": (lambda shelf: change(shelf, "DELETE FROM documents WHERE id < 'doc25'"), "lost"),
    "touched": (
        lambda shelf: change(shelf, "UPDATE documents SET name = 'x', updated_at = 9 WHERE id = 'doc7'"),
        "sound",
    ),
}


@pytest.mark.parametrize("kind", SQLITE)
def test_damage_of_the_database_is_named(shelf: Shelf, kind: str) -> None:
    """What integrity_check misses too: an empty file, and rows that changed though nothing touched them."""
    backup = shelf.take()
    strike, state = SQLITE[kind]
    strike(shelf)
    found = shelf.do(refserver.inspect(system(shelf), backup))
    assert found.sqlite == state
    assert (found.chromadb, found.files) == ("sound", "sound")


def test_a_database_put_back_alone_fits_again(shelf: Shelf) -> None:
    """Newer documents go to the queue with their PDFs, deleted ones stay deleted."""
    shelf.take()
    shelf.library.fill(3, 100)
    shelf.library.delete("doc2")
    newest = shelf.do(actions.newest(shelf.service))
    assert newest is not None
    shelf.library.database.unlink()
    shelf.do(refserver.restore(system(shelf), newest, ("sqlite",)))
    shelf.now += 10
    settled = shelf.do(refserver.settle(system(shelf)))
    assert (settled.queued, settled.rows_gone, settled.vectors_gone, settled.lost) == (3, 1, 0, 0)
    assert json.loads((shelf.library.data / "queue/doc100.json").read_bytes())["name"] == "doc100.pdf"
    (line,) = Path(settled.kept, "rows_removed.jsonl").read_text().splitlines()
    removed = json.loads(line)
    assert (removed["key"], removed["row"]["name"]) == ("doc2", "doc2.pdf")
    assert removed["row"]["updated_at"]
    assert settled.named["rows_gone"] == ["doc2"]


def test_a_file_of_a_write_that_was_cut_off_is_kept_aside(shelf: Shelf) -> None:
    """Its row was never committed and the note of its begin went with the database: no document has it."""
    shelf.take()
    shelf.library.fill(1, 100)
    stray = shelf.library.files / "doc5-cut-off.pdf"
    stray.write_bytes(b"%PDF-1.4 cut off")
    newest = shelf.do(actions.newest(shelf.service))
    assert newest is not None
    shelf.library.database.unlink()
    shelf.do(refserver.restore(system(shelf), newest, ("sqlite",)))
    shelf.now += 10
    settled = shelf.do(refserver.settle(system(shelf)))
    assert (settled.queued, settled.strays, settled.lost) == (1, 1, 0)
    assert not stray.exists()
    (kept,) = shelf.library.data.glob(f"drillyard-kept-*/pdfs/{stray.name}")
    assert kept.read_bytes() == b"%PDF-1.4 cut off"
    queue = shelf.library.data / "queue"
    assert {path.name for path in queue.glob("[!.]*")} == {"doc100.json", "doc100.pdf"}
    # What waits has its bytes in the queue: an upload that takes its place there leaves nothing behind.
    assert not [path for path in shelf.library.files.iterdir() if "doc100" in path.name]
    shelf.now += 10
    again = shelf.do(refserver.settle(system(shelf)))
    assert (again.queued, again.vectors_gone, again.rows_gone, again.lost, again.strays) == (0, 0, 0, 0, 0)
    assert len(list(queue.glob("doc100.*"))) == 2


def test_vectors_put_back_alone_are_embedded_again(shelf: Shelf) -> None:
    """Rows without a vector: their PDFs wait in the application's queue, note last."""
    shelf.take()
    shelf.library.fill(3, 100)
    newest = shelf.do(actions.newest(shelf.service))
    assert newest is not None
    shutil.rmtree(shelf.library.chroma)
    assert shelf.do(refserver.inspect(system(shelf))).chromadb == "missing"
    shelf.do(refserver.restore(system(shelf), newest, ("chromadb",)))
    shelf.now += 10
    settled = shelf.do(refserver.settle(system(shelf)))
    assert (settled.queued, settled.rows_gone, settled.vectors_gone, settled.lost) == (3, 0, 0, 0)
    queue = shelf.library.data / "queue"
    assert sorted(path.name for path in queue.iterdir() if not path.name.startswith(".")) == sorted(
        f"doc{number}.{end}" for number in (100, 101, 102) for end in ("json", "pdf")
    )


def test_files_come_from_whichever_backup_has_them(shelf: Shelf) -> None:
    """Missing and rotten ones, from full copies and increments; what is newer than all of them is named."""
    shelf.take()
    shelf.library.fill(2, 100)
    shelf.take("hourly")
    shelf.library.fill(1, 200)
    files = sorted(shelf.library.files.iterdir())
    state = shelf.library.state()
    for path in files[::2]:
        path.unlink()
    facts = files[1].stat()
    files[1].write_bytes(b"\0" * facts.st_size)
    os.utime(files[1], (facts.st_atime, facts.st_mtime))
    assert shelf.do(refserver.inspect(system(shelf))).files == "damaged"
    known = shelf.do(actions.history(shelf.service))
    fetched = shelf.do(refserver.fetch_files(system(shelf), known))
    assert fetched.lost_count in (0, 1)
    if fetched.lost_count:
        with pytest.raises(ProofFailed, match="row without file"):
            shelf.do(refserver.prove(system(shelf)))
    else:
        assert shelf.library.state() == state
        shelf.do(refserver.prove(system(shelf)))
    assert fetched.restored == len(files[::2]) + 1 - fetched.lost_count


def test_the_folder_of_files_is_gone(shelf: Shelf) -> None:
    """All of them come back."""
    shelf.take()
    state = shelf.library.state()
    shutil.rmtree(shelf.library.files)
    assert shelf.do(refserver.inspect(system(shelf))).files == "missing"
    shelf.do(refserver.fetch_files(system(shelf), shelf.do(actions.history(shelf.service))))
    assert shelf.library.state() == state
    shelf.do(refserver.prove(system(shelf)))


def test_proof_fails_where_they_are_apart(shelf: Shelf) -> None:
    """A row without its vector: sound each, and not united."""
    change(shelf, "DELETE FROM documents WHERE id = 'doc3'")
    with pytest.raises(ProofFailed, match="vector without row: doc3"):
        shelf.do(refserver.prove(system(shelf)))


def test_a_moment_of_the_past(shelf: Shelf) -> None:
    """The last good one taken not after it, in the host's time or with an offset; the gap is said."""
    taken = [shelf.take("daily" if number == 0 else "hourly") for number in range(4)]
    second = datetime.fromisoformat(taken[2].taken_at)
    for wanted in (
        (second + timedelta(minutes=30)).isoformat(sep=" "),
        (second + timedelta(minutes=30)).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
    ):
        assert shelf.do(actions.latest_at(shelf.service, wanted)).id == taken[2].id
    with open(taken[2].parts[0].path, "ab") as file:  # noqa: PTH123 - one byte more
        file.write(b"x")
    assert shelf.do(actions.latest_at(shelf.service, f"{second.isoformat()}")).id == taken[1].id
    early = datetime.fromisoformat(taken[0].taken_at).astimezone(UTC) - timedelta(hours=1)
    with pytest.raises(NoBackup, match="none was taken so early"):
        shelf.do(actions.latest_at(shelf.service, early.isoformat()))


def begin_anew(shelf: Shelf, *, files: bool) -> None:
    """Rows and vectors are those of an application that was just installed, its files too or not."""
    change(shelf, "DELETE FROM documents")
    with closing(sqlite3.connect(shelf.library.chroma / "chroma.sqlite3")) as queue:
        queue.execute("DELETE FROM embeddings_queue")
        queue.commit()
    if files:
        for path in shelf.library.files.iterdir():
            path.unlink()


@pytest.mark.parametrize("files", [False, True], ids=["files stay", "files too"])
def test_rows_and_vectors_that_both_began_anew_are_lost(shelf: Shelf, files: bool) -> None:
    """They agree with one another, on nothing: only the backup tells."""
    backup = shelf.take()
    begin_anew(shelf, files=files)
    found = shelf.do(refserver.inspect(system(shelf), backup))
    assert (found.sqlite, found.chromadb, found.sound) == ("lost", "lost", False)
    assert f"it holds 0 documents, and {backup.id} 30: it began anew" in found.reasons[0]


def test_documents_that_were_deleted_are_not_lost(shelf: Shelf) -> None:
    """Half of them, by the application: rows, vectors and files are gone together."""
    backup = shelf.take()
    for number in range(15):
        shelf.library.delete(f"doc{number}")
    found = shelf.do(refserver.inspect(system(shelf), backup))
    assert (found.sound, found.apart) == (True, {})


def test_what_lost_its_rows_and_vectors_is_not_settled(shelf: Shelf) -> None:
    """The files that are left are all there is: they are not put aside as strays."""
    begin_anew(shelf, files=False)
    with pytest.raises(StepFailed, match="30 of 30 files belong to no document"):
        shelf.do(refserver.settle(system(shelf)))
    assert len(list(shelf.library.files.iterdir())) == 30


@pytest.mark.parametrize(
    ("page", "sqlite", "chromadb", "whole"),
    [
        ("sqlite_corruption", "lost", "lost", True),
        ("sqlite_corruption", "damaged", "missing", True),
        ("sqlite_corruption", "lost", "sound", False),
        ("sqlite_corruption", "damaged", "index", False),
        ("chromadb_corruption", "lost", "lost", True),
        ("chromadb_corruption", "sound", "lost", False),
    ],
)
def test_where_both_are_lost_the_whole_backup_goes_in(
    page: str, sqlite: str, chromadb: str, whole: bool
) -> None:
    """One alone would fit nothing; which of the steps are done, and with what, as the page says it."""
    names: dict[str, Any] = {"look": {"sqlite": sqlite, "chromadb": chromadb, "apart": {}}, "copy": "c"}
    names["params"] = {"even_if_sound": False, "backup": ""}
    done = {
        step.id: fill(dict(step.arguments), names)
        for step in load_page(page).steps
        if step.id in ("room", "restore", "restore_all", "settle") and evaluate(str(step.when), names)
    }
    assert ("settle" in done) is (not whole and "sound" in (sqlite, chromadb))
    restores = [said for name, said in done.items() if name.startswith("restore")]
    assert len(restores) == 1
    assert (done["room"]["elements"] == []) is whole
    if "restore_all" in done:
        assert whole
        assert "elements" not in done["restore_all"]
    elif page == "chromadb_corruption":
        assert restores[0]["elements"] == ([] if whole else ["chromadb"])


@pytest.mark.parametrize("page", ["sqlite_corruption", "chromadb_corruption"])
@pytest.mark.parametrize("chromadb", ["sound", "index"])
def test_what_is_asked_for_is_put_back_though_nothing_is_wrong(page: str, chromadb: str) -> None:
    """`backup restore chromadb ID`: that backup goes in, what is newer is made again; without it nothing."""
    look = {"sqlite": "sound", "chromadb": chromadb, "apart": {}}

    def done(asked: bool) -> set[str]:
        names: dict[str, Any] = {"look": look, "params": {"even_if_sound": asked, "backup": "b"}}
        wanted = ("copy", "room", "stop", "restore", "index", "settle")
        return {
            step.id for step in load_page(page).steps if step.id in wanted and evaluate(str(step.when), names)
        }

    settled = {"settle"} if chromadb == "sound" or page == "chromadb_corruption" else set()
    assert done(True) == {"copy", "room", "stop", "restore"} | settled
    mended = {"stop", "index"} if chromadb == "index" and page == "chromadb_corruption" else set()
    assert done(False) == mended


def test_vectors_that_are_removed_are_written_down_first(shelf: Shelf, tmp_path: Path) -> None:
    """With what is noted beside them; a run that was cut off loses none of its lines."""
    chroma = shelf.library.chroma / "chroma.sqlite3"
    for names in (["doc1", "doc2"], ["doc2", "doc3"]):
        path = dropped.keep_vectors(chroma, Link(), names, tmp_path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["key"] for each in lines] == ["doc1", "doc2", "doc3"]
    assert lines[0]["metadata"]["name"] == "doc1.pdf"
    assert len(base64.b64decode(lines[0]["vector"])) == 16
