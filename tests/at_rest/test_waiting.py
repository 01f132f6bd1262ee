"""An upload that was answered with 202 waits: it is in the set, and a whole restore has it wait on."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from agent.backup import actions
from agent.errors import BackupDamaged
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf
from tests.at_rest.test_by_hand import by_hand, lose_everything


def wait(shelf: Shelf, name: str, content: bytes) -> None:
    """Accept an upload while a helper is down, as the application does."""
    folder = shelf.folder / "data/queue"
    folder.mkdir(exist_ok=True)
    for end, data in (
        ("pdf", content),
        ("json", json.dumps({"id": name, "name": name, "since": 1.0}).encode()),
    ):
        (folder / f".{name}").write_bytes(data)
        (folder / f".{name}").rename(folder / f"{name}.{end}")


def drop(shelf: Shelf, name: str) -> None:
    """It became a document."""
    for end in ("json", "pdf"):
        (shelf.folder / f"data/queue/{name}.{end}").unlink()


def waiting(shelf: Shelf) -> dict[str, bytes]:
    """What waits, by name."""
    folder = shelf.folder / "data/queue"
    return {path.stem: path.with_suffix(".pdf").read_bytes() for path in folder.glob("[!.]*.json")}


def restore(shelf: Shelf, name: str, *elements: str) -> dict[str, int]:
    """Put a set back, or some elements of it; return what it held."""
    (copy,) = [each for each in shelf.do(actions.history(shelf.service)) if each.id == name]
    return shelf.do(refserver.restore(Refserver.of(shelf.service), copy, elements)).contents


def test_what_was_accepted_waits_on_after_a_restore(shelf: Shelf) -> None:
    """From a full set and an increment: what waited then waits again, what was taken in by then does not."""
    shelf.library.fill(5, 100)
    wait(shelf, "first", b"%PDF first")
    full = shelf.take("daily")
    assert full.contents["waiting"] == 1
    drop(shelf, "first")
    wait(shelf, "second", b"%PDF second")
    wait(shelf, "third", b"%PDF third")
    hour = shelf.take("hourly")
    assert hour.contents["waiting"] == 2
    shutil.rmtree(shelf.folder / "data/queue")
    shelf.library.fill(2, 300)
    assert restore(shelf, hour.id)["waiting"] == 2
    assert waiting(shelf) == {"second": b"%PDF second", "third": b"%PDF third"}
    shutil.rmtree(shelf.folder / "data/queue")
    shelf.now += 10
    restore(shelf, full.id)
    assert waiting(shelf) == {"first": b"%PDF first"}


def test_what_waits_now_was_accepted_later_and_stays(shelf: Shelf) -> None:
    """Nothing accepted is overwritten or removed; what never was is moved out of the way."""
    shelf.library.fill(5, 100)
    wait(shelf, "first", b"%PDF first")
    wait(shelf, "second", b"%PDF second")
    taken = shelf.take("daily")
    wait(shelf, "first", b"%PDF first, changed")
    wait(shelf, "later", b"%PDF later")
    (shelf.folder / "data/queue/second.json").unlink()
    (shelf.folder / "data/queue/second.pdf").write_bytes(b"half")
    restore(shelf, taken.id)
    assert waiting(shelf) == {
        "first": b"%PDF first, changed",
        "second": b"%PDF second",
        "later": b"%PDF later",
    }
    (aside,) = (shelf.folder / "data").glob("drillyard-kept-*/queue/second.pdf")
    assert aside.read_bytes() == b"half"


def test_one_element_alone_has_nothing_wait(shelf: Shelf) -> None:
    """Rows of one moment and files of another: what waited may be a document by now, and a newer one."""
    shelf.library.fill(5, 100)
    wait(shelf, "first", b"%PDF first")
    taken = shelf.take("daily")
    drop(shelf, "first")
    assert "waiting" not in restore(shelf, taken.id, "sqlite")
    assert waiting(shelf) == {}


def test_it_is_held_to_its_checksum(shelf: Shelf) -> None:
    """A set whose waiting upload is another one is caught and not used."""
    shelf.library.fill(3, 100)
    wait(shelf, "first", b"%PDF first")
    taken = shelf.take("daily", depth=None)
    assert shelf.do(actions.verify(shelf.service, taken.id)).verified
    (path,) = (Path(each.path) for each in taken.parts if "pdfs" in each.path)
    shelf.now += 3600
    work = shelf.folder / "work"
    with tarfile.open(path) as tar:
        tar.extractall(work, filter="data")
    assert (work / "queue/first.pdf").read_bytes() == b"%PDF first"
    (work / "queue/first.pdf").write_bytes(b"%PDF other")
    subprocess.run(["tar", "-czf", str(path), "-C", str(work), "pdfs", "queue"], check=True)
    with pytest.raises(BackupDamaged):
        shelf.do(actions.verify(shelf.service, taken.id))


def test_an_application_that_has_none_is_taken_as_before(shelf: Shelf) -> None:
    """No folder, nothing said of it, and restores go on."""
    shelf.library.fill(3, 100)
    taken = shelf.take("daily")
    assert "waiting" not in taken.contents
    restore(shelf, taken.id)
    assert not (shelf.folder / "data/queue").exists()
    assert (shelf.folder / "data/refserver.db").exists()


def test_by_hand_it_waits_again_too(shelf: Shelf) -> None:
    """From the README's lines: of the last increment alone, and never over what was accepted later."""
    shelf.library.fill(5, 100)
    wait(shelf, "first", b"%PDF first")
    shelf.take("daily")
    drop(shelf, "first")
    wait(shelf, "second", b"%PDF second")
    wait(shelf, "third", b"%PDF third")
    shelf.library.fill(2, 200)
    hour = shelf.take("hourly")
    drop(shelf, "second")
    wait(shelf, "third", b"%PDF third, changed")
    lose_everything(shelf)
    done = by_hand(shelf, hour.id)
    assert done.returncode == 0, done.stderr
    assert waiting(shelf) == {"second": b"%PDF second", "third": b"%PDF third, changed"}
    assert not list(shelf.library.files.rglob("second*"))
