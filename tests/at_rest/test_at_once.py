"""Two who verify the same backups at once do not see one another; what a killed one left is cleaned away."""

from __future__ import annotations

import fcntl
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agent.payload import durable
from agent.payload.check_set import check
from tests.at_rest.conftest import Shelf

# In Chroma's place: it waits until the other one has come as far, and looks whether its copy is still there.
MEETS = """\
import json, os, sys, time
told = json.load(sys.stdin)
meeting = os.environ["MEETING"]
open(os.path.join(meeting, str(os.getpid())), "w").close()
end = time.monotonic() + 300
while len(os.listdir(meeting)) < 2 and time.monotonic() < end:
    time.sleep(0.01)
assert len(os.listdir(meeting)) == 2, "the other one did not come"
open(os.path.join(told["folder"], "chroma.sqlite3"), "rb").close()
for said in told["collections"].values():
    said["space"] = "l2"
print(json.dumps(told["collections"]))
"""


def spec_of(shelf: Shelf, name: str, **more: Any) -> dict[str, Any]:
    """What the program is told to check a set as deep as it can."""
    place = {"data": str(shelf.library.data), "backups": str(shelf.backups)}
    return {"place": place, "id": name, "depth": "restored", **more}


def litter(shelf: Shelf) -> list[str]:
    """What was made for a moment only."""
    return sorted(path.name for path in shelf.backups.glob(".drillyard-*"))


def test_two_at_once_both_find_it_sound(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has unfolded its copy when the other one begins, and has it still when it looks."""
    backup = shelf.take()
    (tmp_path / "meeting").mkdir()
    (tmp_path / "meets.py").write_text(MEETS)
    monkeypatch.setenv("MEETING", str(tmp_path / "meeting"))
    spec = spec_of(shelf, backup.id, chroma_python=[sys.executable, str(tmp_path / "meets.py")])
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(check, [spec, spec]))
    assert [each["sound"] for each in found] == [True, True], found
    assert litter(shelf) == []


def test_what_a_killed_one_left_goes_with_the_next(shelf: Shelf) -> None:
    """Its folder has nobody any more; so has one of an older version, which had one name for all."""
    backup = shelf.take()
    for name in (".drillyard-checking", ".drillyard-checking-dead"):
        (shelf.backups / name).mkdir()
        (shelf.backups / name / "refserver.db").write_bytes(b"half a copy")
    (shelf.backups / ".drillyard-checking-dead.lock").touch()
    assert check(spec_of(shelf, backup.id))["sound"]
    assert litter(shelf) == []


def test_what_somebody_works_in_stays(shelf: Shelf) -> None:
    """Another process still has its folder."""
    shelf.backups.mkdir()
    with durable.scratch(shelf.backups / ".drillyard-checking") as work:
        (work / "refserver.db").write_bytes(b"half a copy")
        with durable.scratch(shelf.backups / ".drillyard-checking") as other:
            assert other != work
        assert (work / "refserver.db").exists()
    assert litter(shelf) == []


def test_one_whose_claim_is_swept_before_it_holds_takes_another(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making the name and holding it somebody sweeps: what is worked in is held all the same."""
    shelf.backups.mkdir()
    hold, swept = fcntl.flock, []

    def flock(file: Any, how: int) -> None:
        for path in [] if swept else list(shelf.backups.glob("*.lock")):
            swept.append(path)
            path.unlink()
        hold(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with durable.scratch(shelf.backups / ".drillyard-checking") as work:
        assert swept
        assert work.with_name(f"{work.name}.lock") not in swept
        assert work.with_name(f"{work.name}.lock").exists()
