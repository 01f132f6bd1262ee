"""Which day a rehearsal falls on, and which is next, at any moment."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory import Where, read_inventory
from agent.rehearsals.calendar import WEEKDAYS, calendar_of, planned, read_calendar
from agent.rehearsals.dates import appointments, days_until, next_after
from tests.documents import ROOT
from tests.rehearsals.test_calendar import SOUND

CHAT = calendar_of(list(read_inventory(ROOT / "inventory/example")))


def at(said: str) -> datetime:
    """A moment in Seoul."""
    return datetime.fromisoformat(f"{said}+09:00")


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2026, ["2026-03-04", "2026-06-03", "2026-09-02", "2026-12-02"]),
        (2027, ["2027-03-03", "2027-06-02", "2027-09-01", "2027-12-01"]),
        (2028, ["2028-03-01", "2028-06-07", "2028-09-06", "2028-12-06"]),
    ],
)
def test_the_playbooks_dates(year, days):
    """The first Wednesday of March, June, September, December."""
    found = appointments(CHAT, year)
    assert [each.day.isoformat() for each in found] == days
    for each in found:
        assert each.prepare == each.day - timedelta(days=7)
        assert each.follow_up == each.day + timedelta(days=1)
        assert each.begins.isoformat() == f"{each.day}T09:00:00+09:00"
        assert each.ends.isoformat() == f"{each.day}T11:30:00+09:00"


@pytest.mark.parametrize(
    ("now", "which", "day", "nights"),
    [
        ("2026-01-01T00:00", "Q1", "2026-03-04", 62),
        ("2026-03-03T23:59", "Q1", "2026-03-04", 1),
        ("2026-03-04T11:29", "Q1", "2026-03-04", 0),
        ("2026-03-04T11:30", "Q2", "2026-06-03", 91),
        ("2026-12-02T12:00", "Q1", "2027-03-03", 91),
    ],
)
def test_the_next_one(now, which, day, nights):
    """One is next until it has ended, over the turn of the year too."""
    found = next_after(CHAT, at(now))
    assert (found.rehearsal.id, found.day.isoformat(), days_until(found, at(now))) == (which, day, nights)


def test_midnight_is_that_of_the_team():
    """15:30 UTC on the day before is the day itself in Seoul."""
    now = datetime(2026, 3, 3, 15, 30, tzinfo=UTC)
    assert days_until(next_after(CHAT, now), now) == 0


def test_a_moved_date():
    """It is held on the other day, with its checklists, and over the turn of a year too."""
    data = {**SOUND, "moved": {"2026-03-04": "2027-01-13"}}
    (found,) = appointments(read_calendar(data, Where("x")), 2026)
    assert (found.planned, found.day) == (date(2026, 3, 4), date(2027, 1, 13))
    assert found.begins.date() == found.day
    assert next_after(read_calendar(data, Where("x")), at("2027-01-01T00:00")).day == found.day


@given(
    year=st.integers(1970, 9000),
    month=st.integers(1, 12),
    weekday=st.sampled_from(WEEKDAYS),
    week=st.sampled_from([1, 2, 3, 4, "last"]),
)
def test_any_rule_has_a_date(year, month, weekday, week):
    """It is that weekday, in that month, and as many of them come before as the rule says."""
    rehearsal = read_calendar(
        {**SOUND, "dates": [SOUND["dates"][0] | {"month": month, "weekday": weekday, "week": week}]},
        Where("x"),
    ).dates[0]
    found = planned(rehearsal, year)
    assert (found.month, WEEKDAYS[found.weekday()]) == (month, weekday)
    if week == "last":
        assert (found + timedelta(days=7)).month != month
    else:
        assert (found.day - 1) // 7 == week - 1
