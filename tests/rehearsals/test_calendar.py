"""The inventory's `rehearsals` is read whole, or refused with its place and the word that is wrong."""

import copy

import pytest

from agent.errors import BadInventory
from agent.inventory import Host, Where, read_inventory
from agent.rehearsals.calendar import calendar_of, read_calendar
from tests.documents import ROOT

AT = Where("group_vars/all/rehearsals.yml", 2)
SOUND = {
    "timezone": "Asia/Seoul",
    "dates": [
        {
            "id": "Q1",
            "month": 3,
            "weekday": "wednesday",
            "scenario": "S",
            "owner": "O",
            "pages": ["redis_aof"],
        }
    ],
    "day": {"timetable": [{"from": "09:00", "to": "11:30", "what": "all of it"}]},
}


def test_a_sound_calendar():
    """What is left out has a default: the first such weekday, no checklists, nothing moved."""
    calendar = read_calendar(SOUND, AT)
    assert calendar.dates[0].week == 1
    assert calendar.before.items == calendar.after.items == calendar.day.items == ()
    assert read_calendar({**SOUND, "timezone": "UTC"}, AT)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("timezone",), "Asia/Soul", "found Asia/Soul"),
        (("timezone",), "../../etc/passwd", "found ../../etc"),
        (("timezone",), "", "found ."),
        (("dates",), [], "at least one rehearsal"),
        (("dates",), SOUND["dates"] * 2, "dates[1].id: there is another Q1"),
        (("dates", 0, "month"), 13, "found 13"),
        (("dates", 0, "week"), 5, "1 to 4 or last, found 5"),
        (("dates", 0, "week"), "first", "dates[0].week"),
        (("dates", 0, "weekday"), "wensday", "wensday"),
        (("dates", 0, "onwer"), "O", "nothing called `onwer`"),
        (("day", "timetable"), [], "at least one stretch"),
        (("day", "timetable", 0, "to"), "08:00", "before it begins"),
        (("day", "timetable", 0, "to"), "24:00", "found 24:00"),
        (("day", "timetable", 0, "from"), "9:00", 'such as "09:00", found 9:00'),
        (("day", "items"), [{"what": "w", "at": "soon"}], "day.items[0].at"),
        (("before",), {"days": -1, "items": []}, "0 to 100, found -1"),
        (("moved",), {"2026-03-04": "tomorrow"}, "found tomorrow"),
        (("moved",), {"2026-03-05": "2026-03-06"}, "no rehearsal on 2026-03-05"),
    ],
)
def test_what_is_wrong_is_named(place, value, said):
    """The sentence has file, line and the part that is wrong."""
    broken = copy.deepcopy(SOUND)
    inside = broken
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(BadInventory) as refused:
        read_calendar(broken, AT)
    assert str(refused.value).startswith("group_vars/all/rehearsals.yml:2: rehearsals: ")
    assert said in str(refused.value)


def test_a_host_without_one_has_none():
    """No host says anything of rehearsals: that is no error here."""
    assert calendar_of([Host("a")]) is None


def test_the_example_is_the_playbooks():
    """Four rehearsals, a week before, 09:00 to 11:30, a day after; 5, 9 and 4 lines; in both languages."""
    calendar = calendar_of(list(read_inventory(ROOT / "inventory/example")))
    assert [each.month for each in calendar.dates] == [3, 6, 9, 12]
    assert (calendar.before.days, calendar.after.days) == (7, 1)
    lists = (calendar.before.items, calendar.day.items, calendar.after.items)
    assert [len(each) for each in lists] == [5, 9, 4]
    times = "09:00-09:15 09:15-09:30 09:30-10:00 10:00-10:30 10:30-11:00 11:00-11:30"
    assert " ".join(f"{slot.start}-{slot.until}" for slot in calendar.day.timetable) == times
    for items in (*lists, calendar.day.timetable):
        assert all(each.what.en and each.what.ko for each in items)
