"""RefServer's disk is full under load; only what policy allows is removed."""

from __future__ import annotations

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_night import refserver_night

# Its images take minutes to build the first time.
pytestmark = [pytest.mark.nightly, pytest.mark.storage]

DISK = {"ref1-data": "ext4"}
UNKNOWN = "/data/core.20250120"


def test_disk_full(night: Night) -> None:
    """A log that grew is cut; uploads are taken in again and nothing is lost."""
    night.prove(refserver_night(page="disk_full", harm=fault("disk_filled"), rpo=0, disks=DISK))


@pytest.mark.nightly
def test_disk_full_can_fail(night: Night) -> None:
    """What nobody knows is not removed: the run ends and says what takes the room; that is no pass."""
    kept: list[str] = []
    harm = fault("disk_filled", file=UNKNOWN)
    result = night.live(
        refserver_night(
            page="disk_full",
            harm=harm,
            rpo=0,
            disks=DISK,
            variant="unknown",
            meddle=lambda scene, _: kept.append(scene.host.exec("ls", UNKNOWN, ok=()).text),
        )
    )
    assert result.verdict.word == "fail"
    assert kept == [UNKNOWN]
    assert result.recovery is not None
    assert "backups take" in result.recovery.said
