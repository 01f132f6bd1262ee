"""What a policy promises: how far apart the moments are that can be restored, by their age; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.backup.retention import Policy, Tiers
from agent.backup.schedule import WHEN
from agent.language import Words

_EVERY = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}

_KO = {"hourly": "매시간", "daily": "일별", "weekly": "주별"}


@dataclass(frozen=True)
class Promise:
    """Up to which age of a moment the newest backup from before it is at most `gap` older."""

    until: timedelta
    gap: timedelta


def promises(tiers: Tiers) -> tuple[Promise, ...]:
    """Return what holds while every backup succeeds, the youngest age first.

    A moment needs a backup from before it: one that is kept for seven days and taken every day is there for
    every moment of the last six.
    """
    found: list[Promise] = []
    for every, kept in sorted(_kept(tiers)):
        until = kept - every
        if until > (found[-1].until if found else timedelta(0)):
            found.append(Promise(until, every))
    history = timedelta(days=tiers.history)
    if found and history > found[-1].until:
        found[-1] = Promise(history, found[-1].gap)
    return tuple(found)


def _kept(tiers: Tiers) -> list[tuple[timedelta, timedelta]]:
    """Return how often and for how long backups are kept."""
    pairs = [
        (every, _within(tiers.kinds[kind], kind)) for kind, every in _EVERY.items() if kind in tiers.kinds
    ]
    rest = tiers.rest
    pairs += [(every, every * getattr(rest, kind)) for kind, every in _EVERY.items() if getattr(rest, kind)]
    return [(every, kept) for every, kept in pairs if kept]


def _within(policy: Policy, kind: str) -> timedelta:
    count: int = max(policy.last, getattr(policy, kind))
    return max(timedelta(days=policy.within), _EVERY[kind] * count)


def said(tiers: Tiers, wanted: int = 30) -> list[Words]:
    """Return the policy in plain words: the worst gap at each age, and what it does not promise."""
    found = promises(tiers)
    if not found:
        return [Words("Everything is kept for ever.", "모든 백업을 계속 보관합니다.")]
    lines, since = [], timedelta(0)
    for each in found:
        first, last, gap = _span(since), _span(each.until), _span(each.gap)
        lines.append(
            Words(
                f"A moment that is {first.en} to {last.en} old: what is restored is at most {gap.en} older.",
                f"{first.ko} ~ {last.ko} 전의 시점: 복구되는 상태는 그보다 최대 {gap.ko} 이전입니다.",
            )
        )
        since = each.until
    end = _span(since)
    short = since < timedelta(days=wanted)
    lines.append(
        Words(
            f"What is older than {end.en} may be out of reach."
            + (f" That is less than {wanted} days: say `history: {wanted}` under keep." if short else ""),
            f"{end.ko}보다 오래된 시점은 복구하지 못할 수 있습니다."
            + (f" {wanted}일에 못 미칩니다: keep에 `history: {wanted}`을 넣으십시오." if short else ""),
        )
    )
    # What the first hourly ones hold goes before a daily one reaches their age.
    longest = max(_kept(tiers), key=lambda pair: pair[1])[0]
    name = next(each for each, every in _EVERY.items() if every == longest)
    lines.append(
        Words(f"All this counts from the first {name} backup on.", f"첫 {_KO[name]} 백업부터 적용됩니다.")
    )
    return lines


def plan(tiers: Tiers) -> list[Words]:
    """Return when each kind is taken where the schedule is the usual one, and how long it is kept."""
    lines = []
    for kind in (each for each in _EVERY if each in tiers.kinds):
        kept = _span(_within(tiers.kinds[kind], kind))
        _, _, clock = WHEN[kind].partition(" ")
        en = {"hourly": "every hour", "daily": f"every day at {clock}", "weekly": f"every Sunday at {clock}"}
        ko = {"hourly": "매시간 증분", "daily": f"매일 {clock}", "weekly": f"일요일 {clock}"}
        lines.append(
            Words(
                f"{kind}: {en[kind]}{', what changed' if kind == 'hourly' else ''}, kept {kept.en}.",
                f"{_KO[kind]}: {ko[kind]}, {kept.ko} 보관.",
            )
        )
    return lines


def _span(length: timedelta) -> Words:
    hours = int(length.total_seconds() // 3600)
    if hours % 24 or hours < 48:
        return Words(f"{hours} h", f"{hours}시간")
    return Words(f"{hours // 24} days", f"{hours // 24}일")


def gaps(taken: Sequence[float], now: float, hours: int) -> list[float]:
    """Return for each full hour of age how many seconds older the newest backup before it is; inf = none."""
    found = []
    ordered = sorted(taken)
    place = len(ordered)
    for age in range(hours + 1):
        wanted = now - age * 3600
        while place and ordered[place - 1] > wanted:
            place -= 1
        found.append(wanted - ordered[place - 1] if place else float("inf"))
    return found
