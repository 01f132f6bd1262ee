"""Whether users are served as fast after a recovery as before the strike, and how sure that can be; pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msgspec import Struct

from drills.rig.verdict import Claim

FEWEST = 20
"""Writes that a median must rest on; of fewer nothing is said."""
SLICE = 50
"""Writes in a row whose medians are held against each other: so much the pace swings by itself."""


class Took(Struct, frozen=True, gc=False):
    """One write: when it was sent and when it had ended (monotonic seconds), and how."""

    sent: float
    ended: float
    acked: bool


@dataclass(frozen=True)
class Pace:
    """How writes went for a while, in seconds; `swing`: so far off lay the medians of nine in ten parts.

    `refused` were not acknowledged; they have no part in the times.
    """

    writes: int
    refused: int
    median: float
    p99: float
    swing: float


@dataclass(frozen=True)
class Compared:
    """The pace of before and the latest of after; `slower` is the share that is allowed, 0.2 for 20 %.

    The same server's median swings by itself from one second to the next, the more so on a busy machine. What
    it swung by before the strike is therefore allowed too, and so is what the machine itself became slower by
    meanwhile: `machine` times, by a yardstick that no fault touches. The claim says when either was needed.
    """

    before: Pace
    after: Pace
    slower: float
    machine: float = 1.0

    @property
    def close(self) -> bool:
        """Whether nothing is refused that was not before, and the median is within what is allowed."""
        return self.after.median - self._expected <= self._allowed and not self._refuses

    @property
    def _expected(self) -> float:
        return self.before.median * self.machine

    @property
    def _allowed(self) -> float:
        return max(self.slower * self._expected, self.before.swing)

    @property
    def _refuses(self) -> bool:
        return self.after.refused * self.before.writes > self.before.refused * self.after.writes

    def claim(self) -> Claim:
        """Return what of it holds, with the figures."""
        before, after = self.before, self.after
        change = after.median / before.median - 1
        said = (
            f"The median write took {_ms(before.median)} before and {_ms(after.median)} after the recovery "
            f"({change:+.0%}; p99 {_ms(before.p99)} and {_ms(after.p99)})"
        )
        if self._refuses:
            said += f", and {after.refused} of {after.writes} writes were not acknowledged"
        elif change <= self.slower:
            said += f", within the {self.slower:.0%} allowed"
        else:
            said += f"; {self._why()}"
        return Claim("performance", "held" if self.close else "broken", f"{said}.")

    def _why(self) -> str:
        """Say what more than the allowed share comes from, as far as that is known."""
        allowed, swung = f"{self.slower:.0%}", f"the {_ms(self.before.swing)} by which it swung before"
        left = self.after.median / self._expected - 1
        machine = f"the machine took {self.machine:.2f} times as long for the same work by then"
        if self.close and left <= self.slower:
            return f"{machine}, and what is left ({left:+.0%}) is within the {allowed} allowed"
        beside = f"; {machine}" if self.machine > 1 else ""
        if self.close:
            return f"that is more than {allowed}, and no more than {swung}{beside}"
        return f"{allowed} is allowed, or {swung}{beside}"


def pace_of(writes: Sequence[Took]) -> Pace | None:
    """Return the pace of these writes in their order; None where too few were acknowledged to tell."""
    times = _times(writes)
    if len(times) < FEWEST:
        return None
    median = statistics.median(times)
    rank = min(len(times) - 1, int(len(times) * 0.99))
    return Pace(len(writes), len(writes) - len(times), median, sorted(times)[rank], _swing(times, median))


def compared(
    before: Sequence[Took],
    after: Sequence[Took],
    slower: float,
    earlier: Sequence[Took] = (),
    machine: float = 1.0,
) -> Compared | None:
    """Return the latest writes of `after`, at most as many as `before`, beside those; None = too few.

    `earlier` are all writes of the steady state before the strike, `before` their end: what the pace swings
    by itself shows in them, for which the few seconds of `before` are too short. `machine` as in Compared.
    """
    then, now = pace_of(before), pace_of(after[-len(before) :] if before else ())
    if then is None or now is None:
        return None
    then = replace(then, swing=max(then.swing, _swing(_times(earlier), then.median)))
    return Compared(then, now, slower, machine)


def slowed(before: Sequence[Took], after: Sequence[Took]) -> float:
    """Return how many times as long the yardstick took after as before; 1.0 where no longer, or unknown."""
    then, now = pace_of(before), pace_of(after)
    return max(1.0, now.median / then.median) if then and now else 1.0


def _times(writes: Sequence[Took]) -> list[float]:
    return [write.ended - write.sent for write in writes if write.acked]


def _swing(times: Sequence[float], median: float) -> float:
    parts = [times[at : at + SLICE] for at in range(0, len(times), SLICE)]
    whole = [part for part in parts if len(part) == SLICE]
    off = sorted(abs(statistics.median(part) - median) for part in whole)
    # Of many parts a few stand for a backup that was just made, not for the pace.
    return off[int(len(off) * 0.9)] if off else 0.0


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
