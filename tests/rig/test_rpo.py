"""The RPO is how far back the losses go, and 0 only where a loss would have been seen."""

from __future__ import annotations

import pytest

from drills.rig.ledger import Write
from drills.rig.rpo import measure


def _lost(*acked: float) -> list[Write]:
    return [Write(n, f"k{n}", "set", "c", False, when - 0.01, when) for n, when in enumerate(acked)]


def test_the_earliest_loss_counts() -> None:
    """The RPO reaches from the strike back to the earliest lost acknowledgement."""
    assert measure(10.0, 9.99, _lost(9.5, 7.0, 9.9)).seconds == pytest.approx(3.0)


def test_no_loss_and_a_write_near_the_strike_is_nought() -> None:
    """Nothing is lost, and the writer would have noticed."""
    assert measure(10.0, 9.9, []).seconds == 0.0


@pytest.mark.parametrize("acked_before", [None, 8.0])
def test_no_write_near_the_strike_is_unknown(acked_before: float | None) -> None:
    """Where nothing was acknowledged shortly before the strike, no loss says nothing."""
    assert measure(10.0, acked_before, []).seconds is None


def test_what_came_after_the_strike_is_not_its_loss() -> None:
    """Writes acknowledged after the strike are judged by another claim."""
    assert measure(10.0, 9.9, _lost(10.5)).seconds == 0.0
