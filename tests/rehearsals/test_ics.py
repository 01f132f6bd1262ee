"""The calendar file is RFC 5545's: lines, times, escapes, and the same event each time it is made."""

import re
from datetime import UTC, datetime

from hypothesis import given

from agent.rehearsals.calendar import read_calendar
from agent.rehearsals.dates import appointments
from agent.rehearsals.ics import ics
from tests.inventory.test_fuzz import PUNCTUATION
from tests.rehearsals.test_calendar import AT, SOUND
from tests.rehearsals.test_dates import CHAT

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def lines(text: str) -> list[str]:
    """The file's lines, unfolded."""
    return text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def test_a_year():
    """Three events a rehearsal; the day itself in UTC, so that no table of time zones travels with it."""
    found = lines(ics(CHAT, appointments(CHAT, 2026), NOW, "en"))
    assert (found[0], found[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    assert found.count("BEGIN:VEVENT") == found.count("END:VEVENT") == 12
    assert found.count("DTSTAMP:20260102T030405Z") == 12
    first = found[found.index("UID:2026-Q1-day@drillyard") :][:5]
    assert first[2:] == [
        "DTSTART:20260304T000000Z",
        "DTEND:20260304T023000Z",
        "SUMMARY:Rehearsal Q1: MongoDB PITR (DevOps)",
    ]
    before = found[found.index("UID:2026-Q1-before@drillyard") :][:4]
    assert before[2:] == ["DTSTART;VALUE=DATE:20260225", "DTEND;VALUE=DATE:20260226"]
    assert "(DevOps\\, Backend\\, QA)\\n" in next(each for each in found if each.startswith("DESCRIPTION"))


def test_korean_is_folded_between_characters():
    """No line is longer than 75 octets, and each is whole UTF-8."""
    text = ics(CHAT, appointments(CHAT, 2026), NOW, "ko")
    folded = text.encode().split(b"\r\n")
    assert max(map(len, folded)) <= 75
    assert all(line.decode() is not None for line in folded)
    assert "\n" not in text.replace("\r\n", "")
    assert "SUMMARY:복구 리허설 Q4: DR 리전 전환 (DevOps)" in lines(text)


def test_a_moved_date_is_the_same_event():
    """Its UID is that of the date it was planned on: importing the file again moves it."""
    moved = read_calendar({**SOUND, "moved": {"2026-03-04": "2026-03-11"}}, AT)
    uids = [
        re.findall("UID:.*", ics(each, appointments(each, 2026), NOW, "en"))
        for each in (moved, read_calendar(SOUND, AT))
    ]
    assert uids[0] == uids[1]


@given(PUNCTUATION)
def test_whatever_a_text_holds_it_is_one_line(said):
    """Line breaks, commas, semicolons and backslashes of a scenario never make a line of their own."""
    calendar = read_calendar({**SOUND, "dates": [SOUND["dates"][0] | {"scenario": said, "id": said}]}, AT)
    found = lines(ics(calendar, appointments(calendar, 2026), NOW, "en"))
    assert all(re.match("[A-Z-]+[:;]", each) for each in found)
    assert len(found) == len(lines(ics(read_calendar(SOUND, AT), appointments(CHAT, 2026)[:1], NOW, "en")))
