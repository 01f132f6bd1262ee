"""Ollama or Huridocs dies under load: uploads wait, and what waited has become documents in the end."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_night import refserver_night

# Its images take minutes to build the first time.
pytestmark = pytest.mark.nightly


@pytest.mark.parametrize("helper", ["ollama", pytest.param("huridocs", marks=pytest.mark.nightly)])
def test_dependency_down(night: Night, helper: str) -> None:
    """Every upload that was acknowledged while it was down is a whole document afterwards."""
    harm = fault("container_killed", service=helper)
    night.prove(refserver_night(page="dependency_down", harm=harm, rpo=0, variant=helper))
