"""What a person reads of a calendar: the table, the checklists, the commands that go with them."""

import shlex
from datetime import datetime

import pytest

from agent.cli.parser import parse
from agent.rehearsals.dates import appointments, next_after
from agent.rehearsals.told import checklists, commands, table
from tests.rehearsals.test_dates import CHAT, at

YEAR = appointments(CHAT, 2026)


def told(now: datetime, lang: str = "en", pages: tuple[str, ...] = ("redis_aof",)) -> list[str]:
    """The table of 2026 at a moment."""
    return table(YEAR, next_after(CHAT, now), now, pages, lang)


def test_each_says_how_it_stands():
    """Over, next with the days that are left, or nothing yet."""
    found = [line for line in told(at("2026-06-02T10:00")) if not line.startswith(" ")]
    assert [line.split("  ")[-1].strip() for line in found[:2]] == ["over", "NEXT, 1 day from now"]
    assert found[2].endswith("api_down")
    assert told(at("2026-06-03T10:00"))[2].endswith("NEXT, today")
    assert told(at("2026-06-01T10:00"), "ko")[2].endswith("다음 리허설, 2일 남음")


def test_a_page_that_is_not_there_is_said():
    """Below its line; one that is there is not."""
    found = told(at("2026-01-01T00:00"))
    assert "    ! there is no page mongodb_pitr" in found
    assert not [line for line in found if "no page redis_aof" in line]


@pytest.mark.parametrize("lang", ["en", "ko"])
def test_columns_stand_below_each_other(lang):
    """Counted as a terminal shows them, where a Korean letter is two wide."""
    found = [line for line in told(at("2026-01-01T00:00"), lang) if not line.startswith(" ")]
    owners = [
        sum(2 if "가" <= each <= "힣" else 1 for each in line.partition(owner)[0])
        for line, owner in zip(found[:2], ("DevOps", "Backend"), strict=True)
    ]
    assert owners[0] == owners[1]


def test_checklists_carry_their_dates():
    """A week before, on the day by the clock, the day after; what is rehearsed stands in them."""
    found = checklists(CHAT, YEAR[0], "en")
    assert "Before: 2026-02-25 (Wed), 7 days ahead" in found
    assert "  [ ] 09:15 - Recovery begun: MongoDB PITR" in found
    assert "        $ drillyard run mongodb_pitr -i rehearsal --no-notify" in found
    assert "  09:00 - 09:15  Kick-off meeting" in found
    assert "After: 2026-03-05 (Thu), 1 day later" in found
    assert "사후 작업: 2026-03-05 (목), 1일 후" in checklists(CHAT, YEAR[0], "ko")


def test_a_command_is_there_for_each_page():
    """Everything fails: three pages, in their order."""
    item = next(each for each in CHAT.day.items if each.at == "09:15")
    runs = [line.split()[2] for line in commands(item, YEAR[2].rehearsal) if " run " in line]
    assert runs == list(YEAR[2].rehearsal.pages)


def test_the_examples_commands_exist():
    """Each drillyard command of the example's checklists parses; what else there is is make's."""
    items = (*CHAT.before.items, *CHAT.day.items, *CHAT.after.items)
    shown = [shlex.split(line) for each in YEAR for item in items for line in commands(item, each.rehearsal)]
    assert len(shown) > 20
    for words in shown:
        if words[0] == "drillyard":
            parse(words[1:])
        else:
            assert words[:2] == ["make", "drill"]
