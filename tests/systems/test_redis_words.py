"""The word that `check` has for Redis's data."""

from __future__ import annotations

import pytest

from agent.systems.redis import symptoms
from agent.systems.redis.look import Look


@pytest.mark.parametrize(
    ("remedy", "up", "more", "word"),
    [
        ("none", True, {}, "sound"),
        ("none", False, {}, "sound"),
        ("cut", False, {}, "torn"),
        ("rebuild", False, {}, "damaged"),
        ("rescue", True, {}, "damaged"),
        ("owner", False, {}, "foreign"),
        ("rebuild", True, {"started_empty": True}, "empty"),
        ("rebuild", False, {"gone": True}, "lost"),
        ("none", True, {"gone": True}, "sound"),
    ],
)
def test_it_says_how_they_are(remedy: str, up: bool, more: dict[str, bool], word: str) -> None:
    """And not what a page would do about them: of what is gone nothing can be rebuilt."""
    assert symptoms._state(Look(remedy, (), up, **more), up=up) == word  # type: ignore[arg-type]
