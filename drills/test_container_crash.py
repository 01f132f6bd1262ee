"""RefServer's container is killed, starved of memory or locked out under load; nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.refserver_night import refserver_night

# Its images take minutes to build the first time.
pytestmark = pytest.mark.nightly


@dataclass(frozen=True)
class Crash:
    """One way the container goes down."""

    id: str
    fault: str
    settings: dict[str, Any] = field(default_factory=dict)


CRASHES = (
    Crash("killed", "container_killed"),
    Crash("out_of_memory", "memory_cut"),
    Crash("crash_loop", "lock_left"),
)


@pytest.mark.parametrize(
    "crash",
    [
        CRASHES[0],
        *(pytest.param(crash, marks=pytest.mark.nightly) for crash in CRASHES[1:]),
    ],
    ids=lambda crash: crash.id,
)
def test_container_crash(night: Night, crash: Crash) -> None:
    """Whatever took it down: it is up again for good, and every upload that was acknowledged is there."""
    harm = fault(crash.fault, **crash.settings)
    night.prove(refserver_night(page="container_crash", harm=harm, rpo=0, variant=crash.id))


@pytest.mark.nightly
def test_container_crash_can_fail(night: Night) -> None:
    """A lock of a machine that runs stays where it is, and nobody is served: that is no pass."""
    harm = fault("lock_left", owner="huridocs")
    result = night.live(refserver_night(page="container_crash", harm=harm, rpo=0, variant="lock_held"))
    assert result.verdict.word == "fail"
    assert result.recovery is not None
    assert "huridocs runs" in result.recovery.said
