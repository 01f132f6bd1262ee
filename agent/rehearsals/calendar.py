"""A team's calendar of rehearsals as the inventory's variable `rehearsals` has it: dates and checklists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct, field

from agent.inventory import Host, Where
from agent.inventory.typed import Variable
from agent.language import Text

VARIABLE = "rehearsals"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Item(Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a checklist: `what` to see to, its `parts`, commands to `run`, the time of day it is due.

    In texts `{scenario}` is that of the rehearsal; in a command `{page}` is its page, once for each.
    """

    what: Text
    parts: tuple[Text, ...] = ()
    run: tuple[str, ...] = ()
    at: str = ""


class Slot(Struct, frozen=True, forbid_unknown_fields=True):
    """A stretch of the day, from and to a time of day (`09:00`)."""

    what: Text
    until: str = field(name="to")
    start: str = field(name="from")


class Days(Struct, frozen=True, forbid_unknown_fields=True):
    """A checklist that is due so many days before or after."""

    items: tuple[Item, ...]
    days: int = 1


class Day(Struct, frozen=True, forbid_unknown_fields=True):
    """The day itself: its timetable and its checklist."""

    timetable: tuple[Slot, ...]
    items: tuple[Item, ...] = ()


class Rehearsal(Struct, frozen=True, forbid_unknown_fields=True):
    """One rehearsal a year: on which `weekday` of `month`, the `week`-th of them (1 to 4) or the last.

    `pages` are carried out in this order.
    """

    id: str
    month: int
    weekday: Weekday
    scenario: Text
    owner: Text
    pages: tuple[str, ...] = ()
    week: int | Literal["last"] = 1


class Calendar(Struct, frozen=True, forbid_unknown_fields=True):
    """Every rehearsal of a year, and the checklists of each.

    `timezone` is where its times of day hold. `moved` maps a date that does not suit to the one instead.
    """

    timezone: str
    dates: tuple[Rehearsal, ...]
    day: Day
    before: Days = Days(())
    after: Days = Days(())
    moved: dict[str, str] = {}


def calendar_of(hosts: Sequence[Host]) -> Calendar | None:
    """Return the calendar of the first of these hosts that has one, or None.

    Raises:
        BadInventory: it cannot be used; the sentence names file and line.
    """
    for host in hosts:
        if host.vars.get(VARIABLE) is not None:
            return read_calendar(host.vars[VARIABLE], host.places.get(VARIABLE, host.at))
    return None


def read_calendar(data: object, at: Where) -> Calendar:
    """Return what the variable says; raises like `calendar_of`."""
    variable = Variable(VARIABLE, at)
    calendar: Calendar = variable.convert(data, Calendar)
    try:
        zone(calendar)
    except (KeyError, OSError, ValueError):
        raise variable.wrong(
            f"timezone should be one this machine knows (Asia/Seoul, UTC), found {calendar.timezone}."
        ) from None
    _refuse_bad_dates(calendar, variable)
    _refuse_bad_times(calendar, variable)
    for place, days in (("before", calendar.before.days), ("after", calendar.after.days)):
        if not 0 <= days <= 100:
            raise variable.wrong(f"{place}.days should be 0 to 100, found {days}.")
    return calendar


def zone(calendar: Calendar) -> tzinfo:
    """Return where the calendar's times of day hold; UTC needs no table of time zones on the machine."""
    return UTC if calendar.timezone == "UTC" else ZoneInfo(calendar.timezone)


def planned(rehearsal: Rehearsal, year: int) -> date:
    """Return the date that the rule of a rehearsal has in a year."""
    fitting = list(_weekdays(year, rehearsal.month, WEEKDAYS.index(rehearsal.weekday)))
    return fitting[-1] if rehearsal.week == "last" else fitting[rehearsal.week - 1]


def _weekdays(year: int, month: int, weekday: int) -> Iterator[date]:
    first = date(year, month, 1)
    first += timedelta(days=(weekday - first.weekday()) % 7)
    for weeks in range(5):
        if (day := first + timedelta(weeks=weeks)).month == month:
            yield day


def _refuse_bad_dates(calendar: Calendar, variable: Variable) -> None:
    if not calendar.dates:
        raise variable.wrong("dates should have at least one rehearsal, found none.")
    seen: set[str] = set()
    for n, each in enumerate(calendar.dates):
        if each.id in seen:
            raise variable.wrong(f"dates[{n}].id: there is another {each.id}.")
        seen.add(each.id)
        if not 1 <= each.month <= 12:
            raise variable.wrong(f"dates[{n}].month should be 1 to 12, found {each.month}.")
        if isinstance(each.week, int) and not 1 <= each.week <= 4:
            raise variable.wrong(f"dates[{n}].week should be 1 to 4 or last, found {each.week}.")
    for old, new in calendar.moved.items():
        days = []
        for said in (old, new):
            try:
                days.append(date.fromisoformat(said))
            except ValueError:
                raise variable.wrong(f"moved: expected dates such as 2026-06-03, found {said}.") from None
        if days[0] not in [planned(each, days[0].year) for each in calendar.dates]:
            raise variable.wrong(f"moved: there is no rehearsal on {old}.")


def _refuse_bad_times(calendar: Calendar, variable: Variable) -> None:
    if not calendar.day.timetable:
        raise variable.wrong("day.timetable should have at least one stretch of the day, found none.")
    for n, slot in enumerate(calendar.day.timetable):
        for said in (slot.start, slot.until):
            _refuse_bad_time(said, f"day.timetable[{n}]", variable)
        if slot.start >= slot.until:
            raise variable.wrong(f"day.timetable[{n}] ends at {slot.until}, before it begins.")
    for n, item in enumerate(calendar.day.items):
        if item.at:
            _refuse_bad_time(item.at, f"day.items[{n}].at", variable)


def _refuse_bad_time(said: str, place: str, variable: Variable) -> None:
    if not _TIME.fullmatch(said):
        raise variable.wrong(f'{place} should be a time of day such as "09:00", found {said}.')
