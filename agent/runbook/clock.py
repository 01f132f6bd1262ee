"""How long a run has been under way, counted from its first start, whatever died in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from agent.record.past import RunPast


def gone_by(first: str, last: str, now: float) -> float:
    """Return the seconds from a run's first journal line to `now` (seconds since 1970), both ISO 8601 in UTC.

    A controller whose clock was set back, or a second one whose clock is behind, counts from the last line
    at least: an objective does not become easier by a resume.
    """
    begun = datetime.fromisoformat(first).timestamp()
    return max(now - begun, datetime.fromisoformat(last).timestamp() - begun, 0.0)


class RunClock:
    """The seconds since a run's first start: the wall clock between two lives, the monotonic one within."""

    def __init__(self, before: float = 0.0, tick: Callable[[], float] = time.monotonic) -> None:
        """`before` are the seconds that went by before this process took the run up."""
        self._before = before
        self._tick = tick
        self._since = tick()

    @classmethod
    def of(cls, past: RunPast | None) -> RunClock:
        """Return the clock of a run that begins now, or that went before as its journal tells."""
        return cls(gone_by(past.head["at"], past.last, time.time()) if past else 0.0)

    def elapsed(self) -> float:
        """Return the seconds since the run's first start."""
        return self._before + self._tick() - self._since
