"""Redis's disk was full for a moment: it goes on, on a log with which it would never start again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import without_step
from drills.rig.course import Course, Settings
from drills.rig.fault import Scene, fault
from drills.rig.plugin import Night
from drills.rig.subject import Subject
from drills.subjects.redis_night import redis_night

QUICK = Settings(preload=4000, before=0.5, after=0.3, settle=5.0)


def _restart(scene: Scene, subject: Subject) -> None:
    """Restart Redis behind everybody's back, as the next update of its host will."""
    del subject
    scene.host.exec("systemctl", "restart", scene.unit, ok=())


def _full(variant: str, **more: Any) -> Course:
    return redis_night(
        variant=variant,
        harm=fault("disk_full", for_a_while=True),
        rpo=0,
        disks={"redis1-data": "ext4"},
        settings=QUICK,
        meddle=_restart,
        **more,
    )


@pytest.mark.nightly
def test_redis_aof_disk_was_full(night: Night) -> None:
    """The living server writes its log anew; it outlives a restart, and nothing is lost."""
    night.prove(_full("disk_was_full"))


@pytest.mark.nightly
def test_redis_aof_disk_was_full_and_nobody_cared(night: Night, tmp_path: Path) -> None:
    """Without the rescue the restart ends it: Redis refuses its own log; fail."""
    page = without_step("redis_aof", "redis.rescue_live", tmp_path)
    assert night.live(_full("disk_was_full_ignored", pages=(page,))).verdict.word == "fail"
