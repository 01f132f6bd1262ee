"""A year of rehearsals as an iCalendar file (RFC 5545), for the calendar a team already looks at; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

from agent.language import Language, Words, say
from agent.rehearsals.calendar import Calendar
from agent.rehearsals.dates import Appointment
from agent.rehearsals.told import checklist, scenario, timetable

_OCTETS = 75
_DAY = Words("Rehearsal {id}: {scenario} ({owner})", "복구 리허설 {id}: {scenario} ({owner})")
_PREPARE = Words("Prepare rehearsal {id}: {scenario}", "복구 리허설 준비 {id}: {scenario}")
_FOLLOW_UP = Words("Follow up on rehearsal {id}: {scenario}", "복구 리허설 사후 작업 {id}: {scenario}")


def ics(calendar: Calendar, found: Sequence[Appointment], now: datetime, lang: Language) -> str:
    """Return three events a rehearsal: its checklists before and after as whole days, and the day itself.

    An event's UID stays the same however often the file is made and wherever its date is moved, so that
    importing it again moves what is there. `now` is when the file says it was made.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Drillyard//rehearsals//EN", "CALSCALE:GREGORIAN"]
    for each in found:
        about, year = each.rehearsal, each.planned.year
        lists = [
            ("before", _PREPARE, _whole_day(each.prepare), checklist(calendar.before.items, about, lang)),
            (
                "day",
                _DAY,
                _moments(each.begins, each.ends),
                [*timetable(calendar, lang), "", *checklist(calendar.day.items, about, lang)],
            ),
            ("after", _FOLLOW_UP, _whole_day(each.follow_up), checklist(calendar.after.items, about, lang)),
        ]
        for name, words, when, told in lists:
            title = say(words, lang).format(
                id=about.id, scenario=scenario(about, lang), owner=say(about.owner, lang)
            )
            lines += [
                "BEGIN:VEVENT",
                f"UID:{year}-{_plain(about.id)}-{name}@drillyard",
                f"DTSTAMP:{_utc(now)}",
                *when,
                f"SUMMARY:{_text(title)}",
                f"DESCRIPTION:{_text(chr(10).join(told))}",
                "END:VEVENT",
            ]
    return "".join(f"{piece}\r\n" for line in [*lines, "END:VCALENDAR"] for piece in _folded(line))


def _whole_day(day: date) -> list[str]:
    after = day + timedelta(days=1)
    return [f"DTSTART;VALUE=DATE:{day:%Y%m%d}", f"DTEND;VALUE=DATE:{after:%Y%m%d}", "TRANSP:TRANSPARENT"]


def _moments(begins: datetime, ends: datetime) -> list[str]:
    return [f"DTSTART:{_utc(begins)}", f"DTEND:{_utc(ends)}"]


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _plain(name: str) -> str:
    return "".join(each if each.isalnum() else "-" for each in name)


def _text(text: str) -> str:
    for mark in "\\;,":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield a line in pieces of at most 75 octets, no character cut in two."""
    piece, octets = "", 0
    for each in line:
        size = len(each.encode())
        if octets + size > _OCTETS:
            yield piece
            piece, octets = " ", 1
        piece, octets = piece + each, octets + size
    yield piece
