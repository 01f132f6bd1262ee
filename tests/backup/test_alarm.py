"""When somebody is told: data that was emptied, copies off-site that lag, limits of the inventory."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.backup.alarm import CRITICAL, OK, WARNING, judge
from agent.backup.limits import limits_of, said
from agent.backup.model import Backup, Verified
from agent.backup.retention import Policy, Tiers
from agent.errors import BadInventory
from agent.inventory.model import Service

NOW = datetime(2025, 1, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
GUIDE = Tiers({"hourly": Policy(within=2), "daily": Policy(within=7), "weekly": Policy(within=30)}, 30)
LOST = "it holds 3 rows, and unified_b held 1000: its data was lost in between"


def taken(name: str, age: timedelta, kind: str, **more: Any) -> Backup:
    """A verified backup of that age, shipped."""
    at = (NOW - age).isoformat()
    sound = Verified("restored", at, "as its manifest says")
    told = {"verified": sound, "shipped": {"/far": at}, "kind": kind, **more}
    return Backup(name, "refserver", "ref1", f"/b/{name}", at, 100, "0" * 64, **told)


def order() -> list[Backup]:
    """A history in order."""
    return [
        taken("unified_a", 50 * HOUR, "weekly"),
        taken("unified_b", 9 * HOUR, "daily"),
        taken("unified_c", HOUR / 2, "hourly"),
    ]


def service(**settings: Any) -> Service:
    """The service, with its settings."""
    return Service("refserver", "ref1", "docker", "u", settings)


def test_data_that_was_emptied_is_an_alarm() -> None:
    """Every backup is fresh, verified and shipped, and of nothing: that is the gravest there is to say."""
    known = order()
    assert judge(known, GUIDE, NOW, ["/far"], 10**9).level == OK
    known[2] = replace(known[2], breaks=LOST)
    found = judge(known, GUIDE, NOW, ["/far"], 10**9)
    assert found.level == CRITICAL
    assert found.reason == f"data lost: unified_c: {LOST}; the newest from before it is unified_b"
    known.append(taken("unified_d", HOUR / 3, "hourly"))
    assert judge(known, GUIDE, NOW, ["/far"], 10**9).reason == found.reason
    accepted = [replace(each, breaks="") for each in known]
    assert judge(accepted, GUIDE, NOW, ["/far"], 10**9).level == OK


def test_copies_off_site_follow_the_schedule() -> None:
    """Hourly copies lag after three hours, daily ones after 26, weekly ones after 8 days."""
    late = [*order()[:2], replace(order()[2], shipped={})]
    found = judge(late, GUIDE, NOW, ["/far"], 10**9)
    assert (found.level, found.reason) == (WARNING, "off-site lag: /far: the newest there is 9 h old")
    daily = Tiers({"daily": Policy(within=7)})
    assert judge(order()[:2], daily, NOW, ["/far"], 10**9).level == OK
    assert limits_of(GUIDE).off_site == 3 * HOUR
    assert limits_of(daily).off_site == 26 * HOUR
    assert limits_of(Tiers({"weekly": Policy(within=30)})).off_site == timedelta(days=8)
    assert limits_of(Tiers(rest=Policy(hourly=48))).off_site == 3 * HOUR
    assert limits_of(Tiers()).off_site == 26 * HOUR


def test_a_copy_without_its_base_is_none() -> None:
    """Hours arrive, and the large copy that they go on from does not: nothing of them could be restored."""
    known = order()
    known[2] = replace(known[2], parent="unified_b")
    assert judge(known, GUIDE, NOW, ["/far"], 10**9).level == OK
    known[1] = replace(known[1], shipped={})
    found = judge(known, GUIDE, NOW, ["/far"], 10**9)
    assert (found.level, found.reason) == (WARNING, "off-site lag: /far: the newest there is 2 d old")


def test_the_inventory_sets_other_limits() -> None:
    """In hours: what it does not name stays as the policy has it."""
    told = said(service(alarm={"hourly": 5, "off_site": 12}), GUIDE)
    assert told.off_site == 12 * HOUR
    assert told.kinds == {"hourly": 5 * HOUR, "daily": 26 * HOUR, "weekly": timedelta(days=8)}
    late = [*order()[:2], replace(order()[2], shipped={})]
    assert judge(late, GUIDE, NOW, ["/far"], 10**9, told).level == OK
    assert said(service(alarm={"any": 1}), Tiers()).kinds == {"": HOUR}
    assert said(service(), GUIDE) == limits_of(GUIDE)


@pytest.mark.parametrize(
    ("alarm", "why"),
    [
        ({"offsite": 3}, "Did you mean off_site"),
        ({"hourly": 0}, "whole hours, found 0 for hourly"),
        ({"hourly": True}, "whole hours"),
        ({"daily": "26h"}, "whole hours, found '26h'"),
        (26, "hours by hourly, daily"),
    ],
)
def test_what_is_no_limit_is_refused(alarm: Any, why: str) -> None:
    """With the place and the word that was meant."""
    with pytest.raises(BadInventory, match=why):
        said(service(alarm=alarm), GUIDE)
