"""Sets of backup files: one instant, increments, what keeps them from being taken."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from agent.backup import actions
from agent.errors import NoRoom, StepFailed
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf, manifest, restore
from tests.at_rest.library import Writers


def test_names_and_layout_are_the_guides(shelf: Shelf) -> None:
    """Daily, weekly and hourly lie where the guide says, under its names, each with its sidecar."""
    for kind in ("daily", "weekly", "hourly"):
        shelf.take(kind)
    found = [str(path.relative_to(shelf.backups)) for path in shelf.backups.rglob("*") if path.is_file()]
    day, stamp = r"\d{4}-\d\d-\d\d", r"\d{8}_\d{6}"
    for wanted in (
        f"sqlite/daily/refserver_{day}_daily.db.gz",
        f"sqlite/weekly/refserver_{day}_weekly.db.gz",
        f"sqlite/incremental/refserver_{stamp}_incremental.tar.gz",
        f"chromadb/daily/chromadb_{stamp}_full.tar.gz",
        f"chromadb/snapshots/chromadb_{stamp}_incremental.tar.gz",
        f"pdfs/daily/pdfs_{stamp}_full.tar.gz",
        f"metadata/unified_{stamp}.json",
        "metadata/backup_history.json",
    ):
        assert [name for name in found if re.fullmatch(wanted, name)], (wanted, found)
    kept = [name for name in found if name.endswith((".gz", "/unified.json"))]
    assert all(f"{name}.sha256" in found for name in kept)
    assert not [name for name in found if "partial" in name or "taking" in name]


def test_what_is_restored_is_what_there_was(shelf: Shelf) -> None:
    """Rows, vectors and files, from a full set and from a line of increments, deletions among them."""
    states = {}
    for number, kind in enumerate(("daily", "hourly", "hourly", "hourly")):
        shelf.library.fill(5, 100 + 10 * number)
        shelf.library.delete(f"doc{number}")
        shelf.library.upload("doc20", f"%PDF changed {number}".encode())
        states[shelf.take(kind).id] = shelf.library.state()
    shelf.library.fill(50, 500)
    backups = {each.id: each for each in shelf.do(actions.history(shelf.service))}
    assert [bool(backups[name].parent) for name in states] == [False, True, True, True]
    for name, state in states.items():
        shelf.now += 60
        done = restore(shelf, backups[name])
        assert shelf.library.state() == state
        assert done.contents["rows"] == done.contents["vectors"] == done.contents["files"]


def test_an_increment_is_small(shelf: Shelf) -> None:
    """What did not change is not taken again."""
    with closing(sqlite3.connect(shelf.library.database)) as database:
        database.execute("CREATE TABLE bulk (id INTEGER PRIMARY KEY, noise BLOB)")
        database.executemany("INSERT INTO bulk VALUES (?, ?)", [(n, os.urandom(3000)) for n in range(1000)])
        database.commit()
    full = shelf.take()
    shelf.library.fill(3, 900)
    increment = shelf.take("hourly")
    assert increment.total < full.total // 20


def test_one_instant_under_load(shelf: Shelf) -> None:
    """While threads upload, change and delete: no row lacks vector or file, none lacks its row."""
    with Writers(shelf.library) as writers:
        taken = [shelf.take("daily" if number % 4 == 0 else "hourly") for number in range(8)]
    assert writers.wrote > 50
    for backup in taken:
        told = msgspec.json.decode(Path(backup.path).read_bytes())
        assert told["united"] == {}
        assert backup.contents["rows"] == backup.contents["vectors"] == backup.contents["files"]
    restore(shelf, taken[-1])
    rows, _, files = shelf.library.state()
    assert len(rows) == len(files) == taken[-1].contents["rows"]  # type: ignore[arg-type]


def test_the_present_state_is_kept_aside(shelf: Shelf) -> None:
    """What was there lies in a folder beside it, with the -wal that belonged to it; none is left behind."""
    backup = shelf.take()
    wal = shelf.library.database.with_name("refserver.db-wal")
    wal.write_bytes(b"another life's commits")
    shelf.library.database.write_bytes(b"ruins")
    done = restore(shelf, backup, ("sqlite",))
    assert not wal.exists()
    assert (Path(done.kept) / "refserver.db").read_bytes() == b"ruins"
    assert (Path(done.kept) / "refserver.db-wal").read_bytes() == b"another life's commits"
    assert shelf.library.database.stat().st_mode & 0o777 == 0o644
    assert not (Path(done.kept) / "pdfs").exists()


def test_everything_belongs_to_the_applications_user(shelf: Shelf) -> None:
    """What is restored, and what is kept: nothing of root's is left in its folder."""
    if os.getuid():
        pytest.skip("only root gives files away")
    shelf.service.settings["owner"] = "1000:1001"  # type: ignore[index]
    backup = shelf.take()
    restore(shelf, backup)
    shelf.now += 10
    shelf.library.files.joinpath("x.pdf").write_bytes(b"")
    next(shelf.library.files.glob("*.pdf")).write_bytes(b"rotten")
    shelf.do(refserver.fetch_files(Refserver.of(shelf.service), [backup]))
    restored = [shelf.library.database, shelf.library.chroma, shelf.library.files]
    restored += shelf.library.data.rglob("drillyard-kept-*")
    assert {(path.stat().st_uid, path.stat().st_gid) for path in restored} == {(1000, 1001)}
    assert shelf.library.files.stat().st_mode & 0o777 == 0o755


def test_a_link_in_the_datas_place_is_moved_and_not_followed(shelf: Shelf) -> None:
    """Somebody's symbolic link under our name: kept aside as a link, what it leads to untouched."""
    backup = shelf.take()
    elsewhere = shelf.folder / "elsewhere.db"
    shelf.library.database.rename(elsewhere)
    shelf.library.database.symlink_to(elsewhere)
    before = elsewhere.read_bytes()
    restore(shelf, backup, ("sqlite",))
    assert elsewhere.read_bytes() == before
    assert not shelf.library.database.is_symlink()


def test_a_purging_chroma_is_not_taken(shelf: Shelf) -> None:
    """Its index files are the only copy then, and no copy of them is consistent."""
    with closing(sqlite3.connect(shelf.library.chroma / "chroma.sqlite3")) as queue:
        queue.execute("UPDATE embeddings_queue_config SET config_json_str = '{}'")
        queue.commit()
    with pytest.raises(StepFailed, match="automatically_purge"):
        shelf.take()


def test_a_purged_vector_is_missed(shelf: Shelf) -> None:
    """Purging was on once: what is in the index files alone is named."""
    with closing(sqlite3.connect(shelf.library.chroma / "chroma.sqlite3")) as queue:
        queue.execute("INSERT INTO embeddings (segment_id, embedding_id) VALUES ('s1', 'doc0')")
        queue.execute("DELETE FROM embeddings_queue WHERE id = 'doc0'")
        queue.commit()
    with pytest.raises(StepFailed, match="1 of 'documents' in its index files alone"):
        shelf.take()


def test_a_damaged_database_is_no_backup(shelf: Shelf) -> None:
    """A schedule that goes on over a broken database keeps nothing of it, and says so."""
    with closing(sqlite3.connect(shelf.library.database)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with shelf.library.database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(StepFailed, match="DAMAGED"):
        shelf.take()
    assert shelf.do(actions.history(shelf.service)) == ()
    assert not list(shelf.backups.rglob("*.gz"))


def test_an_application_that_does_not_pause_is_not_taken(shelf: Shelf) -> None:
    """A write that never ends: nothing is taken, and the flag does not stay."""
    import fcntl

    shelf.service = shelf.service.__class__(
        **{**shelf.service.__dict__, "settings": {**shelf.service.settings, "pause": 1}}
    )
    with (shelf.library.data / ".gate").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
        with pytest.raises(StepFailed, match="pause its writes within 1 s"):
            shelf.take()
    assert not (shelf.library.data / ".quiesce").exists()


def test_room_is_looked_for_first(shelf: Shelf, tmp_path: Path) -> None:
    """A volume that is too small: NoRoom, and nothing was begun."""
    small = tmp_path / "small"
    small.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "none", str(small)], capture_output=True, check=False
    )
    if done.returncode:
        # Without a volume of its own, a reserve larger than this machine's disk does as well.
        pytest.fail(f"cannot mount a small volume: {done.stderr.decode()}")
    try:
        service = shelf.service.__class__(
            **{**shelf.service.__dict__, "settings": {**shelf.service.settings, "backup_dir": str(small)}}
        )
        with pytest.raises(NoRoom, match="a reserve"):
            shelf.do(actions.take(service))
        assert not list(small.rglob("*.gz"))
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_name_that_is_not_utf8_keeps_nothing_from_being_taken(shelf: Shelf) -> None:
    """A file that came from a Windows machine, its name in CP949: it is taken, restored, and named."""
    windows = shelf.library.files / os.fsdecode("한글 논문.pdf".encode("cp949"))
    korean = shelf.library.files / "한글 논문.pdf"
    korean.write_bytes(b"%PDF utf-8")
    windows.write_bytes(b"%PDF cp949")
    backup = shelf.take()
    assert backup.verified is not None
    later = shelf.take("hourly")
    assert later.verified is not None
    look = shelf.do(refserver.inspect(Refserver.of(shelf.service)))
    assert len(look.apart["file_without_row"]) == 2
    windows.unlink()
    korean.unlink()
    restore(shelf, later)
    assert korean.read_bytes() == b"%PDF utf-8"
    assert windows.read_bytes() == b"%PDF cp949"


def test_it_is_of_the_moment_at_which_writing_paused(shelf: Shelf) -> None:
    """What was written while it waited for its turn is in it, so that it is no backup from before that."""
    with ThreadPoolExecutor(1) as beside, (shelf.library.data / ".gate").open() as gate:
        fcntl.flock(gate, fcntl.LOCK_SH)
        taken = beside.submit(shelf.take)
        while not (shelf.library.data / ".quiesce").exists():
            assert not taken.done()
        began = time.monotonic()
        (shelf.library.files / "late.pdf").write_bytes(b"%PDF late")
        held = time.monotonic() - began
        fcntl.flock(gate, fcntl.LOCK_UN)
        told = manifest(shelf, taken.result())
    assert "late.pdf" in told["parts"]["files"]["holds"]["files"]
    assert told["taken"] - shelf.now > held


def test_what_a_failed_one_wrote_goes_at_once(shelf: Shelf) -> None:
    """It fails behind its first file: nothing of it stays, also where no other one follows."""
    shelf.take()
    before = {path for path in shelf.backups.rglob("*") if path.suffix != ".pages"}
    # The name of its last file is taken, as by a person's copy.
    stamp = time.strftime("%Y%m%d_%H%M%S", time.localtime(shelf.now + 3600))
    (shelf.backups / "pdfs/incremental").mkdir()
    taken = shelf.backups / f"pdfs/incremental/pdfs_{stamp}_incremental.tar.gz"
    taken.symlink_to("nowhere")
    with pytest.raises(StepFailed, match="not to be there yet"):
        shelf.take("hourly")
    taken.unlink(missing_ok=True)
    assert {*shelf.backups.rglob("*.gz*"), *shelf.backups.rglob("*.partial")} <= before
