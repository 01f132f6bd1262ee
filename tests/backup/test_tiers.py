"""Tiers: ninety days of the schedule by the clock: what is kept, what can be restored at each hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.backup.alarm import CRITICAL, OK, WARNING, judge, judge_shipping
from agent.backup.model import Backup, Verified
from agent.backup.promise import gaps, plan, promises, said
from agent.backup.retention import Policy, Tiers, decide, tiers_of
from agent.inventory.model import Service

START = datetime(2025, 1, 1, tzinfo=UTC)
GUIDE = Tiers(
    {"hourly": Policy(within=2), "daily": Policy(within=7), "weekly": Policy(within=30)}, history=30
)
HOUR = timedelta(hours=1)


def taken(when: datetime, kind: str, parent: str = "", good: bool = True) -> Backup:
    """One that was taken then."""
    name = f"unified_{when:%Y%m%d_%H%M%S}_{kind}"
    verified = Verified("restored", when.isoformat(), "") if good else None
    return Backup(
        name, "refserver", "ref1", f"/b/{name}", when.isoformat(), 1000, "0", kind=kind, parent=parent,
        verified=verified, fault="" if good else "it rotted",
    )  # fmt: skip


def due(when: datetime) -> str:
    """What the schedule takes at a full hour."""
    if when.hour == 4 and when.weekday() == 6:
        return "weekly"
    return "daily" if when.hour == 3 else "hourly"


def lived(days: int, fails: int = 0):  # type: ignore[no-untyped-def]
    """Yield each hour's moment and what is kept then; each `fails`-th backup cannot be verified."""
    kept: list[Backup] = []
    for number in range(days * 24):
        when, kind = START + number * HOUR, due(START + number * HOUR)
        parent = next((each.id for each in reversed(kept) if each.verified), "") if kind == "hourly" else ""
        kept.append(taken(when, kind, parent, not fails or number % fails != fails - 1))
        kept = [each.backup for each in decide(kept, GUIDE, when) if each.keep]
        kept.sort(key=lambda each: each.taken_at)
        yield when, kept


@pytest.fixture(scope="module")
def ninety() -> list[tuple[datetime, list[Backup]]]:
    """Ninety days of it, hour by hour."""
    return list(lived(90))


def needed(everything: list[Backup], when: datetime) -> set[str]:
    """What the policy keeps, counted another way: by age and kind, the history, and what these go on from."""
    age = {each.id: when - datetime.fromisoformat(each.taken_at) for each in everything}
    most = {"hourly": 2, "daily": 7, "weekly": 30}
    wanted = {each.id for each in everything if age[each.id] <= timedelta(days=most[each.kind])}
    for kind in most:
        wanted |= {each.id for each in [each for each in everything if each.kind == kind][-1:]}
    old = [each for each in everything if age[each.id] >= timedelta(days=30)]
    wanted |= {each.id for each in old[-1:]}
    by_id = {each.id: each for each in everything}
    for name in list(wanted):
        while (name := by_id[name].parent) and name in by_id:
            wanted.add(name)
    return wanted


def test_ninety_days_keep_what_the_policy_says(ninety: list[tuple[datetime, list[Backup]]]) -> None:
    """At every hour what is kept equals the policy, and no kept one lacks what it goes on from."""
    seen: dict[str, Backup] = {}
    for when, kept in ninety:
        seen |= {each.id: each for each in kept}
        present = sorted(seen.values(), key=lambda each: each.taken_at)
        assert {each.id for each in kept} == needed(present, when)
        seen = {each.id: each for each in kept}
        ids = {each.id for each in kept}
        assert all(each.parent in ids for each in kept if each.parent)
    assert len(kept) < 110


def test_every_promised_hour_can_be_restored(ninety: list[tuple[datetime, list[Backup]]]) -> None:
    """Each hour, each age since the first weekly one: the newest from before is never older than promised."""
    promised = promises(GUIDE)
    assert [(each.until, each.gap) for each in promised] == [
        (timedelta(hours=47), HOUR),
        (timedelta(days=6), timedelta(days=1)),
        (timedelta(days=30), timedelta(days=7)),
    ]
    ages = [age * HOUR for age in range(30 * 24 + 1)]
    most = [next(each.gap.total_seconds() for each in promised if age <= each.until) for age in ages]
    checked, first = 0, datetime(2025, 1, 5, 4, tzinfo=UTC)
    for when, kept in ninety:
        moments = [datetime.fromisoformat(each.taken_at).timestamp() for each in kept]
        alive = int((when - first).total_seconds() // 3600)
        found = gaps(moments, when.timestamp(), min(alive, 30 * 24))
        for age, gap in enumerate(found):
            assert gap <= most[age], (when, age, gap)
            checked += 1
    assert checked > 1_000_000


def test_without_a_history_thirty_days_are_not_there(ninety: list[tuple[datetime, list[Backup]]]) -> None:
    """The guide's three figures alone promise 23 days; the sentence says so, in both languages."""
    alone = Tiers(GUIDE.kinds)
    assert promises(alone)[-1].until == timedelta(days=23)
    last = said(alone)[-2]
    assert "less than 30 days: say `history: 30`" in last.en
    assert "23일" in last.ko
    assert "less than" not in said(GUIDE)[-2].en
    worst = 0.0
    for when, kept in ninety[40 * 24 :: 24]:
        without = [each.backup for each in decide(kept, alone, when) if each.keep]
        moments = [datetime.fromisoformat(each.taken_at).timestamp() for each in without]
        worst = max(worst, *gaps(moments, when.timestamp(), 30 * 24))
    assert worst == float("inf")


def test_where_every_seventh_rots_the_rest_is_kept() -> None:
    """The newest verified one is there at each hour, and every kept increment has its line."""
    for when, kept in lived(30, fails=7):
        good = [each for each in kept if each.verified]
        if when - START > HOUR * 10:
            assert when - datetime.fromisoformat(good[-1].taken_at) <= HOUR
        ids = {each.id for each in kept}
        assert all(each.parent in ids for each in good if each.parent)


def test_a_policy_by_kinds_is_read() -> None:
    """As the inventory has it."""
    keep = {"hourly": {"within": 2}, "daily": {"within": 7}, "weekly": {"within": 30}, "history": 30}
    assert tiers_of(Service("refserver", "ref1", "docker", "u", {"keep": keep})) == GUIDE


def test_the_plan_is_the_guides() -> None:
    """When each kind is taken and how long it is kept, in both languages."""
    assert [(each.en, each.ko) for each in plan(GUIDE)] == [
        ("hourly: every hour, what changed, kept 2 days.", "매시간: 매시간 증분, 2일 보관."),
        ("daily: every day at 03:00, kept 7 days.", "일별: 매일 03:00, 7일 보관."),
        ("weekly: every Sunday at 04:00, kept 30 days.", "주별: 일요일 04:00, 30일 보관."),
    ]
    assert plan(Tiers()) == []


def test_the_policy_speaks_plainly() -> None:
    """Worst gap at each age."""
    assert [each.en for each in said(GUIDE)] == [
        "A moment that is 0 h to 47 h old: what is restored is at most 1 h older.",
        "A moment that is 47 h to 6 days old: what is restored is at most 24 h older.",
        "A moment that is 6 days to 30 days old: what is restored is at most 7 days older.",
        "What is older than 30 days may be out of reach.",
        "All this counts from the first weekly backup on.",
    ]
    assert said(Tiers())[0].en == "Everything is kept for ever."


NOW = START + timedelta(days=40, hours=12)


def order(**changes: object) -> list[Backup]:
    """A history in order, shipped."""
    found = [taken(NOW - timedelta(days=2), "weekly"), taken(NOW - 9 * HOUR, "daily")]
    found.append(taken(NOW - HOUR / 2, "hourly", found[-1].id))
    return [replace(each, shipped={"/far": each.taken_at}, **changes) for each in found]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "level", "reason"),
    [
        (order(), OK, "30 min old, verified by restored"),
        ([], CRITICAL, "none was ever taken"),
        (order(verified=None), CRITICAL, "never verified"),
        (order()[:2], CRITICAL, "stale: the newest verified hourly backup"),
        ([order()[0], order()[0]], CRITICAL, "stale|missing"),
        ([*order()[:2], taken(NOW - HOUR / 4, "hourly", good=False)], CRITICAL, "stale|is bad: it rotted"),
        ([order()[0], order()[2]], CRITICAL, "missing: there is no verified daily|without its base"),
        ([replace(each, shipped={}) for each in order()], WARNING, "off-site lag: /far: it holds none"),
    ],
)  # fmt: skip
def test_the_reason_is_one_line(known: list[Backup], level: int, reason: str) -> None:
    """The worst thing found, for `|| mail`."""
    import re

    found = judge(known, GUIDE, NOW, ["/far"], 10**9)
    assert found.level == level, found
    assert re.search(reason, found.reason), found
    assert "\n" not in found.reason


def test_a_full_disk_is_said() -> None:
    """Before the next one has no room."""
    assert "disk: 0 MiB are free" in judge(order(), GUIDE, NOW, ["/far"], 10).reason


def test_a_shipping_that_stopped_is_worse_than_one_that_lags() -> None:
    """Continuous shipping: not running, empty, behind, in order."""
    now = NOW.timestamp()
    said = [
        judge_shipping(False, 0, now - 7200, NOW),
        judge_shipping(True, 0, 0, NOW),
        judge_shipping(True, 31, now - 31, NOW),
        judge_shipping(True, 2, now - 2, NOW),
    ]
    assert [[each.level for each in found] for found in said] == [[2], [2], [1], []]
    assert said[0][0].reason == "continuous: litestream does not run; the newest it holds is 2 h old"


def test_encrypted_ones_are_opened_for_proof_once_a_week() -> None:
    """Where only checksums can be made it is in order, as long as somebody restores one now and then."""
    shut = replace(GUIDE, proof="checksum")
    by_sum = [replace(each, verified=Verified("checksum", each.taken_at, "")) for each in order()]
    assert judge(order(), shut, NOW, ["/far"], 10**9).level == 0
    found = judge(by_sum, shut, NOW, ["/far"], 10**9)
    assert (found.level, found.reason.partition(":")[0]) == (1, "unopened")
    assert judge(by_sum, GUIDE, NOW, ["/far"], 10**9).level == 2
