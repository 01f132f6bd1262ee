"""What a log is replayed upon: one row a situation."""

from __future__ import annotations

import pytest

from agent.payload.foundation import Facts, ways

HOLE = (0, 100, 200)
LATER = (0, 500, 600)
OLDER = {"copy": True, "copy_made": 10, "copy_mark": "a"}
LAST = ["unchecked base", "older copy", "nothing"]
NEWER = {"copy": True, "copy_made": 30, "copy_mark": "c"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        # A mark in the log: the copy, and the log right behind it, whatever the base is.
        (Facts("sound", 20, holes=(HOLE,), place=(0, 300), **OLDER), [("copy", (0, 300), False), "base"]),
        (Facts("damaged", 20, place=(1, 9), **OLDER), [("copy", (1, 9), False), *LAST]),
        # The mark is in the only hole: everything before it is in the copy.
        (Facts("sound", 20, holes=(HOLE,), **NEWER), [("copy", (0, 200), False), "base"]),
        (Facts("missing", holes=(HOLE,), **NEWER), [("copy", (0, 200), False), "older copy", "nothing"]),
        # More than one hole, or none to be seen: the base, and what only the copy holds.
        (Facts("sound", 20, holes=(HOLE, LATER), **NEWER), [("base", (0, 0), True)]),
        (Facts("sound", 20, **NEWER), [("base", (0, 0), True)]),
        # A copy older than a sound base could only bring deleted keys back.
        (Facts("sound", 20, holes=(HOLE,), **OLDER), [("base", (0, 0), False)]),
        # ... but where the server started empty, that base is not the one there was.
        (Facts("sound", 20, started_empty=True, **OLDER), [("base", (0, 0), True)]),
        # Nothing but the log's own files.
        (Facts("sound", 20, holes=(HOLE,)), [("base", (0, 0), False)]),
        (Facts("damaged", 20), [("unchecked base", (0, 0), False), "nothing"]),
        (Facts("damaged", 20, **OLDER), [("unchecked base", (0, 0), True), "older copy", "nothing"]),
        (Facts("missing"), [("nothing", (0, 0), False)]),
    ],
)
def test_ways(facts: Facts, expected: list[tuple[str, tuple[int, int], bool] | str]) -> None:
    """The first way loses least; the others are for when a server does not accept it."""
    found = ways(facts)
    assert (found[0].on, found[0].start, found[0].fill) == expected[0]
    assert [way.on for way in found] == [each if isinstance(each, str) else each[0] for each in expected]
    assert all(way.why for way in found)


def test_same_second() -> None:
    """Within one second the mark tells which came first: a base that holds it is the later one."""
    assert (
        ways(Facts("sound", 20, base_mark="b+", holes=(HOLE,), copy=True, copy_made=20, copy_mark="b"))[0].on
        == "base"
    )
    assert (
        ways(Facts("sound", 20, base_mark="a+", holes=(HOLE,), copy=True, copy_made=20, copy_mark="b"))[0].on
        == "copy"
    )
