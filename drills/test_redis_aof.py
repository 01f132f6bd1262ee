"""Redis's append-only file is damaged under load; the page brings back every write that was acknowledged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.redis_night import KILLED, redis_night

MINUTE = 60.0


@dataclass(frozen=True)
class Damage:
    """One kind of damage and what the recovery from it must keep to, in seconds."""

    id: str
    fault: str
    settings: dict[str, Any] = field(default_factory=dict)
    rto: float = 30 * MINUTE
    rpo: float = 5 * MINUTE
    disks: dict[str, str] = field(default_factory=dict)


# By day these are seen elsewhere, and less of them: a cut tail with garbage by the control of
# test_redis_aof_can_fail.py, with fewer writes; a flipped byte by test_redis_aof_killed.py, with fewer too;
# a grown length and a lost manifest by test_redis_aof_diagnosis.py, with no ledger.
AT_NIGHT = ("tail_garbage", "middle_flipped", "length_grown", "manifest_lost")
DAMAGE = (
    Damage("tail_cut", "aof_tail_cut"),
    Damage("tail_garbage", "aof_tail_garbage", rpo=KILLED),
    Damage("middle_flipped", "aof_flip", {"where": 0.5, "hit": "command"}, rpo=KILLED),
    Damage("recent_flipped", "aof_flip", {"where": 0.5, "since_backup": True, "hit": "command"}),
    Damage("length_grown", "aof_length_grown", {"where": 0.5}, rpo=KILLED),
    Damage("base_damaged", "aof_base_damaged", rpo=KILLED),
    Damage("manifest_lost", "aof_manifest_lost", rpo=KILLED),
    Damage("wrong_owner", "wrong_owner", rpo=KILLED),
    Damage("power_cut", "power_cut", disks={"redis1-data": "ext4"}),
)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(each, id=each.id, marks=[pytest.mark.nightly] if each.id in AT_NIGHT else [])
        for each in DAMAGE
    ],
)
def test_redis_aof(night: Night, damage: Damage) -> None:
    """Whatever happened to the file: users are served again in time, and nothing is changed or invented."""
    night.prove(
        redis_night(
            variant=damage.id,
            harm=fault(damage.fault, **damage.settings),
            rto=damage.rto,
            rpo=damage.rpo,
            disks=damage.disks,
        )
    )
