"""How long the outage was and where the time went, from recorded times; pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from drills.rig.probe import Look

PHASES = ("detect", "decide", "restore", "verify")


@dataclass(frozen=True)
class Times:
    """What was noted while it happened, in seconds of the controller's monotonic clock; None = never.

    `struck` is when the strike began. `seen` is when damage was seen although nothing failed outwardly.
    `launched` is when the agent was started, `changing` when it began its first step that alters a host,
    `restored` when it ended the last one. `sound` says whether the integrity check at the end passed; None
    = it could not be made.
    """

    struck: float
    launched: float | None = None
    changing: float | None = None
    restored: float | None = None
    seen: float | None = None
    sound: bool | None = None


@dataclass(frozen=True)
class Measured:
    """The RTO and its phases in seconds, which sum to it; or None and an empty tuple, and why."""

    rto: float | None
    phases: tuple[tuple[str, float], ...] = ()
    why: str = ""
    began: float | None = None
    ended: float | None = None


def measure(times: Times, looks: Sequence[Look], *, in_a_row: int = 5) -> Measured:
    """Return what the clock says.

    It starts at the first failed look after the strike, or at the strike itself where nothing failed before
    the agent was launched but damage was seen. It stops at the first of `in_a_row` verified looks that
    came after the last change and were followed by no failed one until the integrity check passed.
    """
    began = _began(times, looks)
    if began is None:
        return Measured(None, why="Nothing failed and no damage was seen: there was no outage to time.")
    missing = _missing(times)
    if missing:
        return Measured(None, why=missing, began=began)
    ended = _ended(times, looks, in_a_row)
    if ended is None:
        return Measured(
            None,
            why=f"Reads and writes were not verified {in_a_row} times in a row after the recovery.",
            began=began,
        )
    edges = [began]
    for edge in (times.launched, times.changing, times.restored, ended):
        # A step that was over before the clock started took none of the outage.
        edges.append(min(max(edge or began, edges[-1]), ended))
    phases = tuple(zip(PHASES, (b - a for a, b in itertools.pairwise(edges)), strict=True))
    return Measured(ended - began, phases, "", began, ended)


def _began(times: Times, looks: Sequence[Look]) -> float | None:
    until = times.launched if times.launched is not None else float("inf")
    failed = [look for look in looks if not look.ok and look.ended > times.struck]
    if failed and (failed[0].began < until or times.seen is None):
        return max(times.struck, failed[0].began)
    return times.struck if times.seen is not None else None


def _missing(times: Times) -> str:
    if times.launched is None:
        return "The agent was never started."
    if times.changing is None:
        return "The agent changed nothing, so there is no moment at which it decided."
    if times.restored is None:
        return "The agent did not get to the end of its changes."
    if times.sound is None:
        return "The integrity check could not be made."
    if not times.sound:
        return "The integrity check never passed: the service was not whole again."
    return ""


def _ended(times: Times, looks: Sequence[Look], in_a_row: int) -> float | None:
    after = [look for look in looks if times.restored is not None and look.began >= times.restored]
    last_bad = max((at for at, look in enumerate(after) if not look.ok), default=-1)
    good = after[last_bad + 1 :]
    return good[0].ended if len(good) >= in_a_row else None
