"""The clock measures what users went through, phase by phase, or says why it cannot."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.rig.probe import Look
from drills.rig.stopwatch import PHASES, Times, measure

GOOD = Times(struck=10.0, launched=10.5, changing=11.0, restored=13.0, sound=True)


def _looks(*spans: tuple[float, float, bool]) -> list[Look]:
    """Looks every 0.1 s from..to, verified or failed."""
    return [
        Look(start + n / 10, start + n / 10 + 0.01, "" if ok else "refused")
        for start, end, ok in spans
        for n in range(round((end - start) * 10))
    ]


OUTAGE = _looks((9.0, 10.1, True), (10.1, 13.2, False), (13.2, 15.0, True))


def test_phases_sum_to_the_outage() -> None:
    """From the first failed look to the first of the verified ones, cut where the agent's lines arrived."""
    told = measure(GOOD, OUTAGE)
    assert told.rto == pytest.approx(3.11)
    assert dict(told.phases) == pytest.approx({"detect": 0.4, "decide": 0.5, "restore": 2.0, "verify": 0.21})
    assert [name for name, _ in told.phases] == list(PHASES)


def test_a_look_under_way_at_the_strike_counts_from_the_strike() -> None:
    """What failed because of the strike cannot have begun before it."""
    told = measure(GOOD, [Look(9.9, 10.4, "timed out"), *OUTAGE])
    assert told.began == 10.0


def test_damage_nobody_noticed_counts_from_the_strike() -> None:
    """Where nothing fails outwardly before the agent is called, the clock starts at the strike."""
    told = measure(
        replace(GOOD, seen=10.4), _looks((9.0, 11.0, True), (11.0, 13.1, False), (13.1, 15.0, True))
    )
    assert told.began == 10.0


@pytest.mark.parametrize(
    ("times", "why"),
    [
        (replace(GOOD, launched=None), "never started"),
        (replace(GOOD, changing=None), "changed nothing"),
        (replace(GOOD, restored=None), "did not get to the end"),
        (replace(GOOD, sound=None), "could not be made"),
        (replace(GOOD, sound=False), "never passed"),
    ],
)
def test_a_missing_time_is_unmeasured_never_nought(times: Times, why: str) -> None:
    """A time nobody noted leaves the RTO unmeasured, with the reason."""
    told = measure(times, OUTAGE)
    assert told.rto is None
    assert told.phases == ()
    assert why in told.why


def test_no_outage_no_rto() -> None:
    """A fault that nobody noticed has no RTO, not even 0."""
    assert measure(GOOD, _looks((9.0, 15.0, True))).rto is None


def test_a_ping_is_not_enough() -> None:
    """Looks that go on failing after the service has started keep the clock running."""
    told = measure(GOOD, _looks((9.0, 10.1, True), (10.1, 20.0, False)))
    assert told.rto is None
    assert "not verified" in told.why


def test_a_relapse_starts_the_count_again() -> None:
    """The clock stops at the looks after which nothing failed any more."""
    told = measure(GOOD, [*OUTAGE, *_looks((15.0, 15.2, False), (15.2, 16.0, True))])
    assert told.ended == pytest.approx(15.21)


def test_too_few_verified_looks_do_not_stop_it() -> None:
    """Four in a row are not five."""
    looks = _looks((9.0, 10.1, True), (10.1, 13.2, False), (13.2, 13.6, True))
    assert measure(GOOD, looks).rto is None
    assert measure(GOOD, looks, in_a_row=4).rto is not None


@given(st.lists(st.floats(9.0, 15.0), min_size=3, max_size=3))
def test_phases_are_never_negative(edges: list[float]) -> None:
    """Whatever moments the agent's lines arrived at, phases are at least 0 and sum to the RTO."""
    launched, changing, restored = sorted(edges)
    told = measure(
        Times(10.0, launched, changing, restored, sound=True), [*OUTAGE, *_looks((15.0, 16.0, True))]
    )
    assert told.rto is None or (
        sum(took for _, took in told.phases) == pytest.approx(told.rto)
        and all(took >= 0 for _, took in told.phases)
    )
