"""The newest backup that can be relied on, and why not the others: decided purely."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.backup.lineage import behind_break
from agent.backup.model import DEPTHS, Backup, Depth

_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True)
class Choice:
    """Backups in the order they should be tried, and a sentence for each that is not among them."""

    order: tuple[Backup, ...]
    passed_over: tuple[str, ...]


def choose(
    backups: Iterable[Backup], now: datetime, at_least: Depth = "restored", *, whole: bool = False
) -> Choice:
    """Return the usable backups, newest first: verified `at_least` so deep, no fault, not from the future.

    `now` has its time zone. A backup whose time cannot be read is passed over like any other fault. With
    `whole`, so is one of data that had been lost before (see lineage.py).
    """
    known = sorted(backups, key=lambda each: each.taken_at, reverse=True)
    lost = behind_break(known) if whole else {}
    good: list[tuple[datetime, Backup]] = []
    passed_over = []
    for each in known:
        taken = moment(each.taken_at)
        why = fault_in(each, taken, now, at_least) or lost.get(each.id, "")
        if why or taken is None:
            passed_over.append(f"{each.id}: {why}")
        else:
            good.append((taken, each))
    good.sort(key=lambda pair: pair[0], reverse=True)
    return Choice(tuple(each for _, each in good), tuple(passed_over))


def fault_in(backup: Backup, taken: datetime | None, now: datetime, at_least: Depth) -> str:
    """Return why a backup cannot be relied on, `taken` being its moment; empty where it can."""
    if taken is None:
        return f"its time {backup.taken_at!r} is no time with an offset"
    if taken > now + _AHEAD:
        return (
            f"it says it was taken at {backup.taken_at}, which is yet to come: the host's clock says "
            f"{now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        )
    if backup.fault:
        return backup.fault
    if backup.verified is None:
        return "it was never verified"
    if DEPTHS.index(backup.verified.depth) < DEPTHS.index(at_least):
        return f"it was only verified by {backup.verified.depth}"
    return ""


def moment(text: str) -> datetime | None:
    """Return a time of a history with its offset; None where it is none."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
