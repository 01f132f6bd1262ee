"""Writes after a recovery are held against those before: as fast, slower, too slow, refused, too few."""

from __future__ import annotations

import pytest

from drills.rig.pace import FEWEST, Took, compared, pace_of, slowed


def writes(*milliseconds: float, refused: int = 0) -> list[Took]:
    """Writes one after the other that took so long each, and behind them so many that were refused."""
    answered = [Took(0, each / 1000, acked=True) for each in milliseconds]
    return answered + [Took(0, 2, acked=False)] * refused


@pytest.mark.parametrize(
    ("before", "after", "outcome", "said"),
    [
        (writes(*[1.0] * 100), writes(*[1.19] * 100), "held", "took 1 ms before and 1.19 ms after"),
        (writes(*[1.0] * 100), writes(*[0.5] * 100), "held", "(-50%; p99 1 ms and 0.5 ms), within the 20%"),
        (writes(*[1.0] * 100), writes(*[1.21] * 100), "broken", "20% is allowed, or the 0 ms by which"),
        (writes(*[1.0] * 50, *[1.6] * 50), writes(*[1.6] * 100), "held", "no more than the 0.3 ms by which"),
        (writes(*[1.0] * 50, *[1.6] * 50), writes(*[1.7] * 100), "broken", "or the 0.3 ms by which it swung"),
        (writes(*[1.0] * 100), writes(*[1.0] * 99, refused=1), "broken", "1 of 100 writes were not"),
        (writes(*[1.0] * 90, refused=10), writes(*[1.0] * 95, refused=5), "held", "within the 20%"),
    ],
)
def test_what_is_close(before: list[Took], after: list[Took], outcome: str, said: str) -> None:
    """A fifth slower is allowed, and what the pace swung by before; that writes are refused is not."""
    found = compared(before, after, 0.2)
    assert found is not None
    claim = found.claim()
    assert claim.outcome == outcome
    assert said in claim.sentence


def test_only_the_latest_count() -> None:
    """What was slow while caches were cold is past; as many as before are looked at."""
    found = compared(writes(*[1.0] * 50), writes(*[9.0] * 200, *[1.0] * 50), 0.2)
    assert found is not None
    assert found.close
    assert found.after.writes == 50


def test_what_it_swung_by_long_before_the_strike_counts() -> None:
    """A pace that was there before the strike is no loss of pace, and one that never was is."""
    before = writes(*[0.7] * 100)
    earlier = [*writes(*[1.0] * 100), *before]
    for after, close in ((writes(*[1.0] * 100), True), (writes(*[1.05] * 100), False)):
        found = compared(before, after, 0.2, earlier)
        assert found is not None
        assert found.close is close
    alone = compared(before, writes(*[1.0] * 100), 0.2)
    assert alone is not None
    assert not alone.close


def test_what_the_machine_itself_lost_is_no_loss_of_the_service() -> None:
    """Half as fast by the yardstick too: writes may be half as fast and a fifth more, and no more."""
    before = writes(*[1.0] * 100)
    machine = slowed(writes(*[0.2] * 100), writes(*[0.4] * 100))
    for after, close in ((writes(*[2.39] * 100), True), (writes(*[2.41] * 100), False)):
        found = compared(before, after, 0.2, machine=machine)
        assert found is not None
        assert found.close is close
        said = "and what is left (+20%) is within the 20% allowed" if close else "20% is allowed, or the 0 ms"
        assert said in found.claim().sentence
        assert "the machine took 2.00 times as long for the same work by then" in found.claim().sentence


def test_a_faster_machine_asks_for_no_more() -> None:
    """What the machine gained, or nobody measured, changes nothing."""
    assert slowed(writes(*[0.4] * 100), writes(*[0.2] * 100)) == 1.0
    assert slowed(writes(*[0.2] * (FEWEST - 1)), writes(*[0.4] * 100)) == 1.0
    assert slowed(writes(*[0.2] * 100), []) == 1.0


def test_too_few_tell_nothing() -> None:
    """No median of nothing, nor of a handful."""
    enough, few = writes(*[1.0] * FEWEST), writes(*[1.0] * (FEWEST - 1), refused=5)
    assert pace_of(few) is None
    assert compared([], enough, 0.2) is None
    assert compared(few, enough, 0.2) is None
    assert compared(enough, enough, 0.2) is not None
