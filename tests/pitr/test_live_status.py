"""A capture is at work where its process lives and goes on telling; a file that says so is no proof."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from agent.pitr.model import CaptureStatus
from agent.pitr.store import STUCK, Store, live_status
from drills.subjects import mongodb_night


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store whose capture said that all is well."""
    made = Store(tmp_path / "backup/mongodb")
    made.path.mkdir(parents=True)
    made.tell(CaptureStatus("capturing", base="b1", captured_up_to="100,1", pid=1))
    return made


def test_a_capture_lives_where_it_holds_its_lock_and_tells(store: Store) -> None:
    """Without a process it is dead, and frozen it is stuck; neither is at work."""
    assert live_status(store, time.time()).state == "dead"
    with store.lock():
        assert live_status(store, time.time()).state == "capturing"
        os.utime(store.path / "status.json", times=(time.time() - STUCK - 5,) * 2)
        stuck = live_status(store, time.time())
        assert (stuck.state, stuck.running) == ("stuck", False)
        assert "told nothing" in stuck.error
        # One that has no server has nothing to tell of.
        store.tell(CaptureStatus("reconnecting", pid=1))
        os.utime(store.path / "status.json", times=(time.time() - STUCK - 5,) * 2)
        assert live_status(store, time.time()).running


def test_a_drill_wants_to_see_it_move(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A status that looks fresh and stands still is no capture that goes on."""
    bench = SimpleNamespace(scene=SimpleNamespace(stack=SimpleNamespace(private=tmp_path)))
    assert not mongodb_night.goes_on(bench, "backup", within=0.3)
    said = iter(["100,1", "100,1", "101,1"])
    monkeypatch.setattr(mongodb_night, "capture_of", lambda *_: {"captured_up_to": next(said)})
    assert mongodb_night.goes_on(bench, "backup", within=15)
