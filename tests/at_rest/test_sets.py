"""Sets of backup files: one instant, increments, what keeps them from being taken."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.backup import actions
from agent.backup.all_of_them import verify_all
from agent.backup.model import Backup
from agent.errors import NoRoom, StepFailed
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf
from tests.at_rest.library import Writers


def restore(shelf: Shelf, backup: Backup, elements: tuple[str, ...] = ()) -> refserver.Restored:
    """Put it back."""
    return shelf.do(refserver.restore(Refserver.of(shelf.service), backup, elements))


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


def test_an_increment_after_a_restore_is_small(shelf: Shelf) -> None:
    """What was restored has other times: it is read, found to be the same, and not copied once more.

    A file that was lost is found where it was written, in the set before.
    """
    for number in range(3):
        shelf.library.upload(f"large{number}", os.urandom(200_000))
    first = shelf.take()
    restore(shelf, first)
    after = shelf.take("hourly")
    assert after.parent == first.id
    assert after.total < 50_000, [(part.path, part.bytes) for part in after.parts]
    state = shelf.library.state()
    for path in list(shelf.library.files.iterdir()):
        path.unlink()
    found = shelf.do(refserver.fetch_files(Refserver.of(shelf.service), [after, first]))
    assert (found.restored, found.lost) == (33, ())
    assert shelf.library.state() == state


def test_a_file_that_only_kept_its_size_is_copied(shelf: Shelf) -> None:
    """Other content under the same name and size is new, whatever its time."""
    shelf.take()
    path = min(shelf.library.files.iterdir())
    other = bytes(len(path.read_bytes()))
    path.write_bytes(other)
    second = shelf.take("hourly", depth=None)
    assert "file of other content" in json.dumps(manifest(shelf, second)["united"]).replace("_", " ")
    assert shelf.do(actions.verify(shelf.service, second.id)).verified is not None
    restore(shelf, second)
    assert path.read_bytes() == other


def test_room_is_looked_for_where_files_changed_in_place(shelf: Shelf, tmp_path: Path) -> None:
    """Files that are no larger than they were, and other ones: they need room too, or the disk was filled."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "none", str(small)], check=True)
    try:
        shelf.service.settings["backup_dir"] = str(small)  # type: ignore[index]
        shelf.library.upload("large", os.urandom(7_000_000))
        first = shelf.take()
        facts = os.statvfs(small)
        (small / "others").write_bytes(bytes(facts.f_bavail * facts.f_frsize - (68 << 20)))
        large = max(shelf.library.files.iterdir(), key=lambda path: path.stat().st_size)
        content = large.read_bytes()
        large.write_bytes(os.urandom(7_000_000))
        with pytest.raises(NoRoom, match="a reserve"):
            shelf.take("hourly")
        assert not list(small.rglob("*incremental*.gz")) + list(small.rglob("*.partial"))
        large.write_bytes(content)
        assert shelf.take("hourly", "checksum").parent == first.id
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


def manifest(shelf: Shelf, backup: Backup) -> Any:
    """Return what it says of itself."""
    return json.loads((shelf.backups / f"metadata/{backup.id}.json").read_bytes())


def test_an_hour_that_was_not_proved_makes_the_next_no_full_one(shelf: Shelf) -> None:
    """The line broke while it was proved: the next goes on from the one before, and is an increment too."""
    first = shelf.take()
    states = []
    for number in range(3):
        shelf.library.fill(2, 100 + 10 * number)
        assert shelf.take("hourly", depth=None).parent == first.id
        states.append(shelf.library.state())
    assert shelf.do(actions.verify(shelf.service)).verified is not None
    last = shelf.take("hourly")
    assert last.parent not in ("", first.id)
    restore(shelf, last)
    assert shelf.library.state() == states[-1]
    daily = shelf.take("daily", depth=None)
    assert shelf.take("hourly").parent == last.id != daily.id


def test_an_increment_without_its_pages_known_is_a_full_one(shelf: Shelf) -> None:
    """The page digests are lost or are of another set: what is taken stands alone."""
    shelf.take()
    (shelf.backups / "metadata/sqlite.pages").write_bytes(b"{}\n")
    assert shelf.take("hourly").parent == ""
    assert shelf.take("hourly").parent != ""


def test_what_others_go_on_from_is_shipped_first(shelf: Shelf) -> None:
    """The newest first, its line before it; one that is named brings its line, too."""
    far = shelf.folder / "far"
    shelf.service.settings["ship_to"] = [str(far)]  # type: ignore[index]
    old, *line = [shelf.take(kind).id for kind in ("weekly", "daily", "hourly", "hourly")]
    named = shelf.do(actions.ship(shelf.service, line[1]))
    assert [each.backup for each in named] == line[:2]
    shipped = shelf.do(actions.ship(shelf.service, again=True))
    assert [each.backup for each in shipped] == [*line, old]


def test_what_was_verified_since_is_not_read_there_again(shelf: Shelf) -> None:
    """Each Sunday all are proved: a bucket is told that, and not asked for all that it is known to hold."""
    far = shelf.folder / "far"
    shelf.service.settings["ship_to"] = [str(far)]  # type: ignore[index]
    backup = shelf.take()
    shelf.do(actions.ship(shelf.service))
    (entry,) = far.rglob(f"here/{backup.id}.json")
    before = json.loads(entry.read_bytes())["verified"]["at"]
    for path in far.rglob("*.gz"):
        path.unlink()
    shelf.now += 3600
    shelf.do(verify_all(shelf.service))
    shelf.now += 3600
    assert [each.sent for each in shelf.do(actions.ship(shelf.service))] == [False]
    assert json.loads(entry.read_bytes())["verified"]["at"] > before
    assert not list(far.rglob("*.gz"))
    assert shelf.do(actions.ship(shelf.service)) == ()
    assert [each.sent for each in shelf.do(actions.ship(shelf.service, again=True))] == [True]


def test_what_has_arrived_is_not_brought_once_more(shelf: Shelf) -> None:
    """The line broke behind the first file, the large one: the next run brings the rest alone."""
    far = shelf.folder / "far"
    shelf.service.settings["ship_to"] = [str(far)]  # type: ignore[index]
    base, newest = shelf.take(), shelf.take("hourly")
    shelf.do(actions.ship(shelf.service))
    shutil.rmtree(shelf.backups / "metadata")
    Path(newest.parts[0].path).unlink()
    # It is there no more: who asked for it once more would find nothing.
    large = next(path for path in far.rglob("*") if path.name == Path(base.parts[2].path).name)
    large.unlink()
    fetched = shelf.do(actions.fetch(shelf.service))
    assert fetched is not None
    assert (fetched.id, fetched.parts) == (newest.id, newest.parts)
    shelf.do(actions.verify(shelf.service))


def test_far_copies_come_back_with_what_they_go_on_from(shelf: Shelf) -> None:
    """The whole backup folder is gone: an increment is fetched with its line, verified and restored."""
    far = shelf.folder / "far"
    shelf.service.settings["ship_to"] = [str(far)]  # type: ignore[index]
    shelf.take()
    shelf.library.fill(4, 700)
    newest = shelf.take("hourly")
    state = shelf.library.state()
    shelf.do(actions.ship(shelf.service))
    shutil.rmtree(shelf.backups)
    fetched = shelf.do(actions.fetch(shelf.service))
    assert fetched is not None
    assert fetched.id == newest.id
    shelf.do(actions.verify(shelf.service))
    shelf.library.fill(4, 800)
    restore(shelf, fetched)
    assert shelf.library.state() == state
