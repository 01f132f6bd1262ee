"""Which restore leads to a moment, and whether it can be had; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agent.errors import NoBackup, StepFailed, Usage
from agent.providers import Window
from agent.providers.atlas.told import Look, Member, Taken

LAG = 60.0
"""Seconds before now that "latest" means: continuous backup promises a point of at best one minute ago."""
RECENT = 3600.0
"""Seconds in which a restore of the newest moment that runs already is taken for the one asked for."""
EARLIEST = 1_199_145_600
"""The first second that Atlas takes, from its schema: 2008-01-01."""

_LAST = (1 << 31) - 1
"""The highest number of an operation within a second that Atlas takes, from its schema."""

_MOMENT = re.compile(r"(\d{9,10}),(\d{1,10})")


@dataclass(frozen=True)
class Chosen:
    """A restore to ask Atlas for: the part of its body that names the moment, that moment, and what it is.

    Another that runs already is as good where its moment is at least `since` (0 = it must be the same).
    """

    body: dict[str, Any]
    at: str
    how: str
    since: int = 0


def window(look: Look) -> Window:
    """Return which moments can be restored, by Atlas's clock."""
    snapshots = tuple(taken.at for taken in look.snapshots)
    if look.cluster is None:
        return Window(None, None, why="Atlas has no such cluster, and a cluster's backups go with it.")
    if not look.cluster.continuous or not look.days:
        why = f"{look.cluster.name} has no continuous backup, so only its snapshots can be restored."
        return Window(None, None, snapshots, why)
    if not snapshots:
        return Window(
            None, None, why=f"{look.cluster.name} has no completed snapshot to play its log on from."
        )
    first = max(look.now - look.days * 86_400, min(snapshots))
    return Window(first, look.now, snapshots, f"Atlas keeps {look.days} days of the log.")


def choose(look: Look, at: str) -> Chosen:
    """Return the restore that leads to `at`: latest, snapshot, SECS,INC, or ISO time with an offset.

    Raises:
        NoBackup: it cannot be restored; the sentence names the nearest moments that can.
        Usage: it is no moment.
    """
    reachable = window(look)
    if at == "snapshot":
        return _snapshot(look)
    if at == "latest":
        if reachable.last is None:
            raise _none(look, reachable, "the newest moment")
        newest = _seconds(int(reachable.last - LAG), "the newest moment its log is sure to hold")
        return replace(newest, since=int(reachable.last - RECENT))
    found = _MOMENT.fullmatch(at)
    seconds, number = (int(found[1]), int(found[2])) if found else (_iso(at), 0)
    if (
        reachable.first is None
        or reachable.last is None
        or seconds < max(reachable.first, EARLIEST)
        or seconds > reachable.last
    ):
        raise _none(look, reachable, _utc(seconds))
    if not found:
        return _seconds(seconds, "that second")
    if not number:
        # Nothing has the number 0: this is the end of the second before, and Atlas takes no 0.
        return _seconds(seconds - 1, "the second before, as nothing has the number 0")
    if number > _LAST:
        # The moment just below a whole second, which no operation has: Atlas takes no such number.
        return _seconds(seconds, "the end of that second")
    body = {"deliveryType": "pointInTime", "oplogTs": seconds, "oplogInc": number}
    return Chosen(body, f"{seconds},{number}", "that place in the log")


def fit(look: Look) -> Member:
    """Return the spare where it can be restored into.

    Raises:
        StepFailed: it is not there, not ready, or of an older MongoDB than the cluster.
    """
    spare = look.spare
    if spare is None:
        raise StepFailed("Atlas has no spare of that name yet.", do="Let the page make it first.")
    if spare.paused:
        raise StepFailed(
            f"{spare.name} is paused, and Atlas restores into no paused cluster.", do="Resume it."
        )
    if not spare.ready:
        raise StepFailed(f"{spare.name} should be there for a restore, found it {spare.state}.")
    theirs = _release(spare.version)
    if look.cluster and theirs and theirs < _release(look.cluster.version):
        raise StepFailed(
            f"{spare.name} has MongoDB {spare.version}, the cluster a newer one: {look.cluster.version}.",
            do="Raise the spare's version in Atlas, or let another spare be made.",
        )
    return spare


def _snapshot(look: Look) -> Chosen:
    newest: Taken | None = max(look.snapshots, key=lambda taken: taken.at, default=None)
    if newest is None:
        raise _none(look, window(look), "a snapshot")
    body = {"deliveryType": "automated", "snapshotId": newest.id}
    return Chosen(body, f"{int(newest.at)},0", f"the newest snapshot, taken {_utc(newest.at)}")


def _seconds(seconds: int, how: str) -> Chosen:
    return Chosen({"deliveryType": "pointInTime", "pointInTimeUTCSeconds": seconds}, f"{seconds},0", how)


def _none(look: Look, reachable: Window, what: str) -> NoBackup:
    name = look.cluster.name if look.cluster else "the cluster"
    there = []
    if reachable.first is not None and reachable.last is not None:
        there.append(f"any moment from {_utc(reachable.first)} to {_utc(reachable.last)}")
    there += [f"the snapshot of {_utc(at)}" for at in sorted(reachable.snapshots)[-1:]]
    return NoBackup(
        f"Atlas cannot bring {name} back to {what}. {reachable.why} "
        f"It can to {' or '.join(there) if there else 'nothing at all'}.",
        do="Name one of these." if there else "See the cluster's Backup page in Atlas.",
    )


def _iso(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Usage(f"Expected latest, snapshot, SECS,INC or an ISO time with an offset, found {text!r}.")
    return int(moment.timestamp())


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))
