"""MongoDB is killed under load, its disks are left: it is started, and nothing acknowledged is lost."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.mongodb_night import HOST, mongodb_night


@pytest.mark.nightly
def test_mongodb_down(night: Night) -> None:
    """Users are served by the very same server, nothing is lost, and the capture goes on without a gap."""
    night.prove(mongodb_night(harm=fault("container_killed", service=HOST), page="mongodb_down", rpo=0))
