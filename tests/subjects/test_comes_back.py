"""Whether users were on one server only, from what both of them got."""

from __future__ import annotations

import pytest

from drills.subjects.comes_back import one_primary


@pytest.mark.parametrize(
    ("back", "grown", "outcome"),
    [
        (True, (20, 0), "held"),
        (True, (20, 1), "broken"),
        (True, (0, 20), "broken"),
        (True, (3, 0), "broken"),
        (True, None, "unknown"),
        (False, (20, 0), "unknown"),
    ],
    ids=["on the old one", "on both", "on the new one", "hardly anybody", "not looked", "never back"],
)
def test_users_are_on_the_old_server_alone(back: bool, grown: tuple[int, int] | None, outcome: str) -> None:
    """Anything on the spare, or nothing on the old one, is broken; one that stays away proves nothing."""
    assert [each.outcome for each in one_primary(back, grown)] == [outcome]
