"""A region is lost under load, Redis and MongoDB at once; users go on in the other one."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.region_night import region_night


@pytest.mark.nightly
def test_region_switch(night: Night) -> None:
    """Users are served by the DR hosts, stay logged in, and miss what capture and backup had not heard of."""
    night.prove(region_night(harm=fault("region_lost")))
