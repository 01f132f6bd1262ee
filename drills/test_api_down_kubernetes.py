"""The API goes down where Kubernetes runs it, SIMULATED: the page, the exact commands, and users outside."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.standins import kubectl
from drills.subjects.kubernetes_night import changed, kubernetes_night

pytestmark = pytest.mark.nightly


@dataclass(frozen=True)
class Outage:
    """One way it goes down, the golden case of what is sent then, and how much the fault itself sends."""

    id: str
    fault: str
    case: str
    own: int = 0


OUTAGES = (
    Outage("hang", "api_hang", kubectl.READY),
    Outage("scaled", "scaled_to_nothing", kubectl.GONE, own=1),
)


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: outage.id)
def test_api_down_under_kubernetes(night: Night, outage: Outage) -> None:
    """Users are served again, by the commands of the golden case alone; the verdict says SIMULATED."""
    result = night.prove(kubernetes_night(variant=f"kubernetes_{outage.id}", harm=fault(outage.fault)))
    assert "SIMULATED" in result.verdict.marked
    assert changed(result.folder)[outage.own :] == kubectl.changes_of(outage.case)


def test_api_down_under_kubernetes_with_a_fault_that_does_nothing(night: Night) -> None:
    """A fault without effect proves nothing: unverified, and nothing is asked of the cluster."""
    result = night.live(kubernetes_night(variant="kubernetes_noop", harm=fault("noop")))
    assert result.verdict.word == "unverified"
    assert not changed(result.folder)
