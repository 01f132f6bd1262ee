"""RefServer's /data is unmounted under load; it is mounted again before the service begins anew in it."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_night import refserver_night

# Its images take minutes to build the first time.
pytestmark = [pytest.mark.nightly, pytest.mark.storage]

DISK = {"ref1-data": "ext4"}


def test_mount_lost(night: Night) -> None:
    """Everything is there again, and nothing was begun in the empty folder."""
    night.prove(refserver_night(page="mount_lost", harm=fault("mount_lost"), rpo=0, disks=DISK))


@pytest.mark.nightly
def test_mount_lost_can_fail(night: Night) -> None:
    """Where fstab does not know of it, nothing can be mounted: that is no pass."""
    harm = fault("mount_lost", forgotten=True)
    result = night.live(refserver_night(page="mount_lost", harm=harm, rpo=0, disks=DISK, variant="forgotten"))
    assert result.verdict.word == "fail"
