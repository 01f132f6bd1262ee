"""RefServer's files belong to root; the page gives back what is its own and nothing else."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_night import refserver_night

# Its images take minutes to build the first time.
pytestmark = [pytest.mark.nightly, pytest.mark.storage]


def test_permissions(night: Night) -> None:
    """It reads and writes again, and nothing is lost."""
    night.prove(refserver_night(page="permissions", harm=fault("owner_lost"), rpo=0))
