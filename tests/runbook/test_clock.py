"""A run's time goes on while nobody runs it."""

import pytest

from agent.runbook.clock import RunClock, gone_by
from agent.runbook.watch import next_count

FIRST = "2026-11-22T03:00:00.000+00:00"
NOON = 1795316400.0  # FIRST, as seconds since 1970


@pytest.mark.parametrize(
    ("last", "now", "gone"),
    [
        ("2026-11-22T03:01:00.000+00:00", NOON + 600, 600),
        # The clock of the controller that resumes is an hour behind: at least what the journal saw has gone.
        ("2026-11-22T03:07:00.000+00:00", NOON - 3600, 420),
        (FIRST, NOON - 5, 0),
    ],
)
def test_time_between_two_lives(last, now, gone):
    """From the first line of the journal, never less than the journal itself covers."""
    assert gone_by(FIRST, last, now) == gone


def test_within_a_life_the_monotonic_clock_counts():
    """Setting the wall clock changes nothing."""
    ticks = iter([50.0, 53.5])
    clock = RunClock(100.0, tick=lambda: next(ticks))
    assert clock.elapsed() == 103.5


@pytest.mark.parametrize(("now", "wanted"), [(0, 60), (59.9, 60), (60, 120), (1795, 1800), (1801, 1860)])
def test_the_countdown_is_told_each_minute(now, wanted):
    """And as the objective is missed."""
    assert next_count(now, 1800) == wanted


def test_the_countdown_tells_the_miss():
    """An objective that is no whole minute is told as it is missed, then each minute again."""
    assert next_count(61, 90) == 90
    assert next_count(90, 90) == 120
