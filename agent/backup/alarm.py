"""Whether backups are as they should be, with the one reason that matters most; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from agent.backup.choose import choose, moment
from agent.backup.limits import Limits, limits_of
from agent.backup.lineage import behind_break
from agent.backup.model import Backup
from agent.backup.retention import Tiers
from agent.backup.sets import line_of, missing

OK, WARNING, CRITICAL = 0, 1, 2
_WEEK = timedelta(days=8)
# Seconds; it ships twice a second.
_BEHIND = 30.0


@dataclass(frozen=True)
class Verdict:
    """`level` is 0 in order, 1 somebody should look, 2 the objectives are at risk; `reason` is one line."""

    level: int
    reason: str


def judge(
    known: Sequence[Backup],
    tiers: Tiers,
    now: datetime,
    stores: Sequence[str],
    free: int,
    limits: Limits | None = None,
) -> Verdict:
    """Return how the backups of one service are: the worst thing found, else the newest one's age.

    `free` are the bytes left on the backup volume; `limits` are those of the policy unless others are said.
    """
    limits = limits or limits_of(tiers)
    good = choose(known, now, tiers.proof).order
    if not good:
        why = "; ".join(choose(known, now, tiers.proof).passed_over[:1]) or "none was ever taken"
        return Verdict(CRITICAL, f"no verified backup: {why}")
    found = [
        *_lost(known, now, tiers),
        *_stale(good, limits, now),
        *_broken(known, good, now),
        *_unopened(known, tiers, now),
        *_far(known, good, stores, limits, now),
        *_full(good, free),
    ]
    if found:
        return max(found, key=lambda each: each.level)
    newest = moment(good[0].taken_at)
    assert newest is not None
    return Verdict(OK, f"{good[0].id} is {_age(now - newest)} old, verified by {_depth(good[0])}")


def judge_shipping(running: bool, behind: float, newest: float, now: datetime) -> list[Verdict]:
    """Return what is wrong with a continuous shipping: it does not run, holds nothing, or is behind."""
    age = _age(now - datetime.fromtimestamp(newest, UTC)) if newest else ""
    if not running:
        holds = f"the newest it holds is {age} old" if newest else "it holds nothing"
        return [Verdict(CRITICAL, f"continuous: litestream does not run; {holds}")]
    if not newest:
        return [Verdict(CRITICAL, "continuous: litestream runs and has shipped nothing yet")]
    if behind > _BEHIND:
        return [Verdict(WARNING, f"continuous: litestream runs and is {behind:.0f} s behind")]
    return []


def _lost(known: Sequence[Backup], now: datetime, tiers: Tiers) -> list[Verdict]:
    """Return that data was lost and nobody has said what of it: the schedule goes on copying what is left."""
    lost = behind_break(known)
    if not lost:
        return []
    first = next(iter(lost))
    before = choose(known, now, tiers.proof, whole=True).order
    rest = (
        f"the newest from before it is {before[0].id}"
        if before
        else "there is no verified one from before it"
    )
    return [Verdict(CRITICAL, f"data lost: {first}: {lost[first]}; {rest}")]


def _stale(good: Sequence[Backup], limits: Limits, now: datetime) -> list[Verdict]:
    found = []
    for kind, oldest in limits.kinds.items():
        # A full one does an hourly one's duty.
        serves = [each for each in good if kind in ("", "hourly", each.kind)]
        taken = moment(serves[0].taken_at) if serves else None
        if taken is None:
            found.append(Verdict(CRITICAL, f"missing: there is no verified {kind} backup"))
        elif now - taken > oldest:
            what = f"{kind} backup" if kind else "backup"
            found.append(
                Verdict(
                    CRITICAL, f"stale: the newest verified {what}, {serves[0].id}, is {_age(now - taken)} old"
                )
            )
    return found


def _broken(known: Sequence[Backup], good: Sequence[Backup], now: datetime) -> list[Verdict]:
    newest = max(known, key=lambda each: each.taken_at)
    found = []
    if newest.fault:
        found.append(Verdict(CRITICAL, f"the newest backup, {newest.id}, is bad: {newest.fault}"))
    elif newest.verified is None and now - (moment(newest.taken_at) or now) > timedelta(hours=1):
        found.append(Verdict(WARNING, f"unverified: {newest.id} was never verified"))
    lacks = missing(known, good[0])
    if lacks:
        found.append(Verdict(CRITICAL, f"{good[0].id}: {lacks}"))
    return found


def _unopened(known: Sequence[Backup], tiers: Tiers, now: datetime) -> list[Verdict]:
    """Return whether encrypted ones were opened for proof this week, by whoever has the identity."""
    opened = choose(known, now).order if tiers.proof != "restored" else ()
    if tiers.proof == "restored" or any(now - (moment(each.taken_at) or now) < _WEEK for each in opened):
        return []
    return [Verdict(WARNING, "unopened: no backup of this week was decrypted and restored for proof")]


def _far(
    known: Sequence[Backup], good: Sequence[Backup], stores: Sequence[str], limits: Limits, now: datetime
) -> list[Verdict]:
    """Return which stores lag: one holds a backup where it holds all that this goes on from, too."""
    found = []
    for store in stores:
        held = [
            taken
            for each in good
            if (taken := moment(each.taken_at))
            and not missing(known, each)
            and all(store in part.shipped for part in line_of(known, each))
        ]
        if not held or now - max(held) > limits.off_site:
            age = f"the newest there is {_age(now - max(held))} old" if held else "it holds none"
            found.append(Verdict(WARNING, f"off-site lag: {store}: {age}"))
    return found


def _full(good: Sequence[Backup], free: int) -> list[Verdict]:
    needs = 2 * max(each.total for each in good)
    if free >= needs:
        return []
    return [Verdict(WARNING, f"disk: {free >> 20} MiB are free, the next backups may need {needs >> 20} MiB")]


def _depth(backup: Backup) -> str:
    return backup.verified.depth if backup.verified else "nothing"


def _age(length: timedelta) -> str:
    seconds = length.total_seconds()
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
