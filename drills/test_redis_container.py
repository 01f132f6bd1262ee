"""Redis in a plain container under docker: damaged, emptied and full, and recovered by the same pages."""

from __future__ import annotations

from typing import Any

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.redis_container import container_night
from drills.subjects.redis_night import KILLED

CASES: dict[str, tuple[str, str, dict[str, Any], float]] = {
    "aof_middle_flipped": ("redis_aof", "aof_flip", {"where": 0.5, "hit": "command"}, KILLED),
    "aof_tail_garbage": ("redis_aof", "aof_tail_garbage", {}, KILLED),
    "total_loss": ("redis_total_loss", "redis_files_lost", {}, 300.0),
    "memory": ("redis_memory", "memory_full", {"temp": 20_000, "room": 2 << 20}, 0.0),
}


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.nightly] * (case != "total_loss")) for case in CASES]
)
def test_redis_container(night: Night, case: str) -> None:
    """The pages are the same; programs are those of the container's image, the supervisor is docker."""
    page, harm, settings, rpo = CASES[case]
    more: dict[str, Any] = {"drill": f"{page}_docker", "page": page, "variant": case}
    night.prove(container_night(harm=fault(harm, **settings), rpo=rpo, **more))
