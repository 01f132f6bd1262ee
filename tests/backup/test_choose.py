"""Which backup is chosen, by history alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from agent.backup.choose import choose
from agent.backup.model import Backup, Verified

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ONE = Backup("one", "redis", "h", "/backup/redis/one.rdb", "2026-11-21T03:00:00+00:00", 1, "00")
PROVED = Verified("restored", "2026-11-21T03:01:00+00:00", "1 key")


def test_newest_verified_wins() -> None:
    """Of proved backups the newest comes first, by time and not by the order in the history or the offset."""
    old = replace(ONE, verified=PROVED)
    seoul = replace(ONE, id="seoul", taken_at="2026-11-21T13:00:00+09:00", verified=PROVED)
    assert [each.id for each in choose([old, seoul], NOW).order] == ["seoul", "one"]


def test_why_not() -> None:
    """Each backup that is passed over has its reason: unproved, shallow, faulty, from the future, no time."""
    odd = [
        ONE,
        replace(ONE, id="shallow", verified=replace(PROVED, depth="opens")),
        replace(ONE, id="faulty", verified=PROVED, fault="its SHA-256 differs"),
        replace(ONE, id="future", verified=PROVED, taken_at="2026-11-22T03:06:00+00:00"),
        replace(ONE, id="local", verified=PROVED, taken_at="2026-11-21T03:00:00"),
        replace(ONE, id="word", verified=PROVED, taken_at="yesterday"),
    ]
    choice = choose(odd, NOW)
    assert choice.order == ()
    assert len(choice.passed_over) == len(odd)
    for word in (
        "never verified",
        "only verified by opens",
        "SHA-256",
        "clock says 2026-11-22 03:00 UTC",
        "no time",
    ):
        assert any(word in each for each in choice.passed_over)


def test_a_shallower_proof_can_be_enough() -> None:
    """Who asks for less depth gets the backup that has it."""
    opened = replace(ONE, verified=replace(PROVED, depth="opens"))
    assert choose([opened], NOW, "opens").order == (opened,)
    assert choose([opened], NOW, "checksum").order == (opened,)
