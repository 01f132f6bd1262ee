"""A calendar and its checklists in words, English or Korean; pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime

from agent.language import Language, Text, Words, say
from agent.rehearsals.calendar import Calendar, Item, Rehearsal
from agent.rehearsals.dates import Appointment, days_until

_WEEKDAYS = {"en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), "ko": tuple("월화수목금토일")}
_PREPARE = Words("Before: {day}, {n} ahead", "준비: {day}, {n} 전")
_TIMETABLE = Words("Timetable: {day}", "시간표: {day}")
_DAY = Words("On the day: {day}", "당일: {day}")
_FOLLOW_UP = Words("After: {day}, {n} later", "사후 작업: {day}, {n} 후")
_MOVED = Words("moved from {day}", "{day}에서 옮김")
_NO_PAGE = Words("there is no page {page}", "{page} 페이지가 없음")
_STATES = {
    "over": Words("over", "지남"),
    "next": Words("NEXT, {n} from now", "다음 리허설, {n} 남음"),
    "today": Words("NEXT, today", "다음 리허설, 오늘"),
    "later": Words("", ""),
}


def table(
    found: Sequence[Appointment], upcoming: Appointment, now: datetime, pages: Collection[str], lang: Language
) -> list[str]:
    """Return a line a rehearsal: id, date, scenario, owner, pages, how it stands.

    `pages` are those that there are; any other is said to be missing.
    """
    rows = [_row(each, upcoming, now, lang) for each in found]
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for each, row in zip(found, rows, strict=True):
        cells = [cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
        lines += [
            f"    ! {say(_NO_PAGE, lang).format(page=page)}"
            for page in each.rehearsal.pages
            if page not in pages
        ]
    return lines


def checklists(calendar: Calendar, appointment: Appointment, lang: Language) -> list[str]:
    """Return the checklists of one rehearsal with their dates: before, the day with its timetable, after."""
    return [
        _head(_PREPARE, appointment.prepare, lang, calendar.before.days),
        *_items(calendar.before.items, appointment.rehearsal, lang),
        "",
        _head(_TIMETABLE, appointment.day, lang),
        *timetable(calendar, lang),
        "",
        _head(_DAY, appointment.day, lang),
        *_items(calendar.day.items, appointment.rehearsal, lang),
        "",
        _head(_FOLLOW_UP, appointment.follow_up, lang, calendar.after.days),
        *_items(calendar.after.items, appointment.rehearsal, lang),
    ]


def timetable(calendar: Calendar, lang: Language) -> list[str]:
    """Return a line a stretch of the day."""
    return [f"  {slot.start} - {slot.until}  {say(slot.what, lang)}" for slot in calendar.day.timetable]


def checklist(items: Sequence[Item], rehearsal: Rehearsal, lang: Language) -> list[str]:
    """Return a checklist's lines, each with what belongs to it below."""
    return list(_items(items, rehearsal, lang))


def commands(item: Item, rehearsal: Rehearsal) -> tuple[str, ...]:
    """Return the commands of an item, one that speaks of `{page}` once for each page."""
    found = []
    for command in item.run:
        pages = rehearsal.pages if "{page}" in command else ("",)
        found += [command.replace("{page}", page) for page in pages]
    return tuple(found)


def scenario(rehearsal: Rehearsal, lang: Language) -> str:
    """Return what is rehearsed."""
    return say(rehearsal.scenario, lang)


def _items(items: Sequence[Item], rehearsal: Rehearsal, lang: Language) -> Iterator[str]:
    for item in items:
        at = f"{item.at} - " if item.at else ""
        yield f"  [ ] {at}{_filled(item.what, rehearsal, lang)}"
        for part in item.parts:
            yield f"        - {_filled(part, rehearsal, lang)}"
        for command in commands(item, rehearsal):
            yield f"        $ {command}"


def _filled(text: Text, rehearsal: Rehearsal, lang: Language) -> str:
    return say(text, lang).replace("{scenario}", scenario(rehearsal, lang))


def _row(each: Appointment, upcoming: Appointment, now: datetime, lang: Language) -> list[str]:
    state = "next" if each == upcoming else "over" if each.ends <= now else "later"
    nights = days_until(each, now)
    if state == "next" and nights <= 0:
        state = "today"
    notes = [say(_STATES[state], lang).format(n=_days(nights, lang))]
    if each.day != each.planned:
        notes.append(say(_MOVED, lang).format(day=each.planned))
    return [
        each.rehearsal.id,
        _day(each.day, lang),
        scenario(each.rehearsal, lang),
        say(each.rehearsal.owner, lang),
        ", ".join(each.rehearsal.pages),
        "; ".join(filter(None, notes)),
    ]


def _head(words: Words, day: date, lang: Language, n: int = 0) -> str:
    return say(words, lang).format(day=_day(day, lang), n=_days(n, lang))


def _day(day: date, lang: Language) -> str:
    return f"{day.isoformat()} ({_WEEKDAYS[lang][day.weekday()]})"


def _days(n: int, lang: Language) -> str:
    return f"{n}일" if lang == "ko" else f"{n} day{'' if n == 1 else 's'}"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
