"""On which day each rehearsal falls, and which is next; pure, with the moment as an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from agent.rehearsals.calendar import Calendar, Rehearsal, planned, zone


@dataclass(frozen=True)
class Appointment:
    """A rehearsal with its dates: `day` is when it is held, `planned` when the calendar's rule has it.

    `prepare` and `follow_up` are when the checklists before and after it are due. `begins` and `ends` know
    their time zone.
    """

    rehearsal: Rehearsal
    planned: date
    day: date
    prepare: date
    follow_up: date
    begins: datetime
    ends: datetime


def appointments(calendar: Calendar, year: int) -> tuple[Appointment, ...]:
    """Return the rehearsals that the calendar plans for a year, the earliest first."""
    found = (_appointment(calendar, each, planned(each, year)) for each in calendar.dates)
    return tuple(sorted(found, key=lambda each: each.begins))


def next_after(calendar: Calendar, now: datetime) -> Appointment:
    """Return the rehearsal that is on at `now`, or the next; `now` knows its time zone."""
    # One may be moved over the turn of a year, so the years beside are looked at too.
    year = now.astimezone(zone(calendar)).year
    known = [each for n in (year - 1, year, year + 1, year + 2) for each in appointments(calendar, n)]
    return min((each for each in known if each.ends > now), key=lambda each: each.begins)


def days_until(appointment: Appointment, now: datetime) -> int:
    """Return how many nights lie between now and the day, negative where it is over."""
    return (appointment.day - now.astimezone(appointment.begins.tzinfo).date()).days


def _appointment(calendar: Calendar, rehearsal: Rehearsal, by_rule: date) -> Appointment:
    moved = calendar.moved.get(by_rule.isoformat())
    day = date.fromisoformat(moved) if moved else by_rule
    slots = calendar.day.timetable
    return Appointment(
        rehearsal,
        by_rule,
        day,
        prepare=day - timedelta(days=calendar.before.days),
        follow_up=day + timedelta(days=calendar.after.days),
        begins=_at(calendar, day, min(slot.start for slot in slots)),
        ends=_at(calendar, day, max(slot.until for slot in slots)),
    )


def _at(calendar: Calendar, day: date, said: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(said), zone(calendar))
