"""Who is due at which moment, and who is told the end."""

import pytest

from agent.inventory import Where
from agent.notify.escalation import Call, Tried, due, next_at, to_be_told_the_end
from agent.notify.ladder import read_ladder

LADDER = read_ladder(
    {
        "channels": {
            "pager": {"kind": "command", "run": ["page"]},
            "mail": {"kind": "command", "run": ["mail"]},
        },
        "contacts": {
            "oncall": {"by": {"pager": "@oncall", "mail": "oncall@x"}},
            "lead": {"by": {"pager": "@lead"}},
            "dba": {"by_hand": "+82 2 000"},
            "cto": {"by": {"mail": "cto@x"}},
        },
        # Written out of order on purpose.
        "levels": [
            {"from": 30, "tell": ["cto"]},
            {"from": 0, "tell": ["oncall"]},
            {"from": 15, "tell": ["lead", "dba"]},
        ],
    },
    Where("hosts.yml", 3),
)
FIRST = {Call(0, "oncall", "pager"), Call(0, "oncall", "mail")}
SECOND = {Call(15, "lead", "pager"), Call(15, "dba", "")}
THIRD = {Call(30, "cto", "mail")}


@pytest.mark.parametrize(
    ("minutes", "sent", "wanted"),
    [
        (0, set(), FIRST),
        (14.99, FIRST, set()),
        (15, FIRST, SECOND),
        (29, FIRST | SECOND, set()),
        (30, FIRST | SECOND, THIRD),
        (600, FIRST | SECOND | THIRD, set()),
        # A controller that was dead for half an hour makes up for it, the lowest level first.
        (40, FIRST, SECOND | THIRD),
    ],
)
def test_each_level_at_its_minute_and_once(minutes, sent, wanted):
    """A level's contacts are due from its minute on, along each of their channels, until they were told."""
    found = due(LADDER, minutes * 60, sent)
    assert set(found) == wanted
    assert list(found) == sorted(found, key=lambda call: call.level)


def test_a_failed_call_is_tried_again_so_often_and_no_more():
    """After the pause, up to the ladder's number of tries; the others are not held up by it."""
    pager = Call(0, "oncall", "pager")
    sent = FIRST - {pager}
    assert due(LADDER, 119, sent, {pager: Tried(1, 100)}) == ()
    assert next_at(LADDER, 119, sent, {pager: Tried(1, 100)}) == 120
    assert due(LADDER, 120, sent, {pager: Tried(1, 100)}) == (pager,)
    assert due(LADDER, 800, sent, {pager: Tried(5, 100)}) == ()


def test_the_next_moment_anything_falls_due():
    """The run's clerk sleeps until then."""
    assert next_at(LADDER, 0, FIRST) == 15 * 60
    assert next_at(LADDER, 15 * 60, FIRST | SECOND) == 30 * 60
    assert next_at(LADDER, 30 * 60, FIRST | SECOND | THIRD) is None


def test_the_end_is_told_once_to_whoever_was_told():
    """Somebody who was told at two levels hears the end once a channel; who is called by hand is not."""
    again = Call(30, "oncall", "pager")
    assert to_be_told_the_end({*FIRST, again, *SECOND}) == (
        Call(0, "oncall", "mail"),
        Call(0, "oncall", "pager"),
        Call(15, "lead", "pager"),
    )
    assert to_be_told_the_end(set()) == ()
