"""The application was sent to a database that cannot serve it; one command brings it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import of_text
from drills.rig.course import Settings
from drills.rig.drill import Result
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.mongodb_night import mongodb_night
from drills.subjects.switched import SwitchedAway

PAGE = "switch_back"
ALL = ("redis1", "mongo1", "mongo-dr", "api1")
QUICK = Settings(rate=50, preload=500, limit=120, settle=5)
RESTART = """\
title: Restart it, and it will find its database
system: app
on: api
steps:
  - {name: Restart it, do: service.restart}
prove:
  - {name: It runs, do: service.status, retry: {times: 10, every: 1s, until: result.state == 'running'}}
"""
pytestmark = pytest.mark.nightly


def _course(**more: Any) -> Any:
    whole: dict[str, Any] = {"harm": SwitchedAway(), "rpo": 0, "services": ALL, **more}
    return mongodb_night(page=PAGE, rto=300.0, **whole)


def test_switch_back(night: Night) -> None:
    """Users are served by the database of before, with everything that they had written."""
    night.prove(_course())


def test_switch_back_with_a_fault_that_does_nothing(night: Night) -> None:
    """A fault without effect proves nothing: unverified, and the agent is not even called."""
    result = night.live(_course(harm=fault("noop"), variant="noop", settings=QUICK))
    assert result.verdict.word == "unverified"
    assert "no effect" in str(result)
    assert result.recovery is None


def test_switch_back_without_the_old_address(night: Night, tmp_path: Path) -> None:
    """A restart leaves it where it was sent: the run is done, and nobody is served: fail."""
    pages = (of_text(PAGE, RESTART, tmp_path),)
    result: Result = night.live(_course(variant="without_restore_env", settings=QUICK, pages=pages))
    assert result.verdict.word == "fail", str(result)
    assert result.recovery is not None
    assert result.recovery.ended == "done", str(result)
    assert result.findings.measured.rto is None, str(result)
