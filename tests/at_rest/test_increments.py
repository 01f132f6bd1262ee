"""Increments: what they go on from, how small they are, and how a set and its line are sent and come back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.backup import actions
from agent.backup.all_of_them import verify_all
from agent.errors import NoRoom
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf, manifest, restore


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
