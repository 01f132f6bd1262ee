"""The agent is killed on its way, at every step and inside the repair: resume finishes what it began."""

from __future__ import annotations

import pytest

from agent.naming import find_page
from agent.runbook.load import load_page
from drills.rig.course import Settings
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.rig.recovery import Kill
from drills.subjects.redis_night import KILLED, redis_night

QUICK = Settings(before=0.5, after=0.3)
REPAIR = "redis.rebuild"


def _boundaries() -> tuple[Kill, ...]:
    page = load_page(find_page("redis_aof"))
    return tuple(Kill(step.id) for step in page.every_step() if step.do or step.sh)


def _repair() -> str:
    return next(step.id for step in load_page(find_page("redis_aof")).every_step() if step.do == REPAIR)


@pytest.mark.nightly
def test_redis_aof_killed_at_every_step(night: Night) -> None:
    """Killed with SIGKILL as each step begins, one recovery long: nothing more is lost than without."""
    kills = _boundaries()
    recovery = night.prove(
        redis_night(
            variant="killed_at_every_step",
            harm=fault("aof_flip", hit="command"),
            rpo=KILLED,
            kills=kills,
            settings=QUICK,
        )
    ).recovery
    assert recovery is not None
    carried_out = [told.event["step"] for told in recovery.told if told.is_step(state="done")]
    assert recovery.killed == carried_out


@pytest.mark.parametrize(
    "after",
    [0.1, *(pytest.param(after, marks=pytest.mark.nightly) for after in (0.02, 0.3))],
)
def test_redis_aof_killed_inside_the_repair(night: Night, after: float) -> None:
    """Killed that many seconds into the repair; the damage lies where the backup has everything."""
    repair = _repair()
    recovery = night.prove(
        redis_night(
            variant=f"killed_in_repair_{after}",
            harm=fault("aof_flip", hit="command"),
            rpo=KILLED,
            kills=(Kill(repair, after=after),),
            settings=QUICK,
        )
    ).recovery
    assert recovery is not None
    assert (recovery.killed, recovery.lives) == ([repair], 2)
