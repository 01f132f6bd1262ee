"""Who is to be told at a given moment of a run, and when that changes next; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

from agent.notify.ladder import Ladder


@dataclass(frozen=True)
class Call:
    """One message to one contact of a level (its minute) along one channel.

    A contact without a channel is only to be called by hand: then `channel` is empty, and the screen says so.
    """

    level: float
    contact: str
    channel: str


@dataclass(frozen=True)
class Tried:
    """How often a call failed so far, and when it last did, in seconds of the run."""

    times: int
    last: float


def due(
    ladder: Ladder, elapsed: float, sent: Set[Call], tried: Mapping[Call, Tried] | None = None
) -> tuple[Call, ...]:
    """Return the calls to be made now, `elapsed` seconds into the run, the lowest level first.

    A level that is over is due all the same where nobody of it was told, as after a resume. A call that
    failed is due again after the ladder's pause, as often as the ladder says.
    """
    return tuple(call for call, at in _open(ladder, sent, tried or {}) if at <= elapsed)


def next_at(
    ladder: Ladder, elapsed: float, sent: Set[Call], tried: Mapping[Call, Tried] | None = None
) -> float | None:
    """Return the second of the run at which the next call falls due after `elapsed`, or None for never."""
    return min((at for _, at in _open(ladder, sent, tried or {}) if at > elapsed), default=None)


def to_be_told_the_end(sent: Set[Call]) -> tuple[Call, ...]:
    """Return one call for each contact and channel that was told anything, as it was told first."""
    found: dict[tuple[str, str], Call] = {}
    for call in sorted(sent, key=lambda each: (each.level, each.contact, each.channel)):
        if call.channel:
            found.setdefault((call.contact, call.channel), call)
    return tuple(found.values())


def _open(ladder: Ladder, sent: Set[Call], tried: Mapping[Call, Tried]) -> Iterator[tuple[Call, float]]:
    """Yield every call that is still to be made, with the second from which it is due."""
    for level in ladder.levels:
        for contact in level.tell:
            for channel in ladder.contacts[contact].by or ("",):
                call = Call(level.start, contact, channel)
                failed = tried.get(call)
                if call in sent or (failed and failed.times >= ladder.tries):
                    continue
                yield call, failed.last + ladder.again_after if failed else level.start * 60
