"""Sealed files in a second place: all of them, compared there, tried again, removed when they expire."""

import os
import stat
from pathlib import Path

import pytest

from agent.errors import StepFailed
from agent.pitr.reach import way_to
from agent.pitr.ship import Folder, Remote, Shipper, place_of
from agent.pitr.store import Store
from tests.pitr.history import counted, empty_base, insert, sealed


def shipper(store: Path, to: Path) -> Shipper:
    """Ship once, and return what did."""
    found = Shipper(Store(store), str(to))
    place = place_of(str(to))
    assert place is not None
    found.ship(place)
    return found


def test_what_arrives_can_be_restored_from(tmp_path: Path):
    """Everything sealed is there, and is a store."""
    timeline = counted(tmp_path / "here")
    empty_base(timeline, (99, 1), (105, 1))
    done = shipper(tmp_path / "here", tmp_path / "there")
    assert (done.left, done.error, done.newest) == (0, "", "139,1")
    assert way_to(Store(tmp_path / "there"), "latest").base.id == "b105"


def test_what_was_not_shipped_is_told_and_made_up_for(tmp_path: Path):
    """The other place is away; it comes back, also for another process."""
    timeline = counted(tmp_path / "here")
    away = tmp_path / "mounted"
    first = shipper(tmp_path / "here", away / "there")
    assert first.left == 9
    assert "parent folder" in first.error
    away.mkdir()
    assert shipper(tmp_path / "here", away / "there").left == 0
    sealed(timeline, [insert((200, 1), 1)])
    again = shipper(tmp_path / "here", away / "there")
    assert again.newest == "200,1"


def test_an_altered_copy_is_not_left_under_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The bytes are compared where they arrived."""
    file = tmp_path / "one"
    file.write_bytes(b"1234")
    with pytest.raises(StepFailed, match="checksum"):
        Folder(str(tmp_path / "there")).take(file, "one", "0" * 64)
    assert not (tmp_path / "there" / "one").exists()


def test_what_expired_is_removed_there_too(tmp_path: Path):
    """By its name below the store."""
    counted(tmp_path / "here", segments=1)
    done = shipper(tmp_path / "here", tmp_path / "there")
    name = next(str(each.relative_to(tmp_path / "there")) for each in (tmp_path / "there").rglob("*.zst"))
    done.forget([name])
    assert not (tmp_path / "there" / name).exists()


@pytest.fixture
def ssh_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ssh` runs its command on this machine: the command is what is tried."""
    fake = tmp_path / "bin" / "ssh"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("ssh_is_here")
def test_another_machine_compares_before_it_gives_the_name(tmp_path: Path):
    """Folders are made, odd names are quoted, an altered file is refused, a removal is one."""
    import hashlib

    file = tmp_path / "one"
    file.write_bytes(b"1234" * 1000)
    place = Remote("user@far", str(tmp_path / "far away"))
    place.take(file, "t0001/log/it's one.zst", hashlib.sha256(file.read_bytes()).hexdigest())
    arrived = tmp_path / "far away" / "t0001/log/it's one.zst"
    assert arrived.read_bytes() == file.read_bytes()
    with pytest.raises(StepFailed, match="did not arrive"):
        place.take(file, "two", "0" * 64)
    assert not (tmp_path / "far away" / "two").exists()
    place.drop("t0001/log/it's one.zst")
    assert not arrived.exists()


def test_a_place_is_known_by_its_form():
    """user@host:folder is another machine, a path is this one."""
    assert isinstance(place_of("backup@far:/srv/x"), Remote)
    assert isinstance(place_of("/mnt/a:b"), Folder)
    assert place_of("") is None
