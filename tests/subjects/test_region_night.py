"""What a night in which a region is lost claims of Redis: by who is still logged in."""

from __future__ import annotations

import pytest

from drills.subjects.region_night import REDIS_RPO, Session, Sessions, judged

STRUCK = 1000.0


def night(*ages: float, backed_up: float = 10.0) -> Sessions:
    """Sessions opened so many seconds before the strike, the backup begun `backed_up` before it."""
    opened = [Session(f"t{number}", STRUCK - age) for number, age in enumerate(ages)]
    return Sessions(opened, backed_up_at=STRUCK - backed_up, struck=STRUCK)


@pytest.mark.parametrize(
    ("sessions", "lost", "wanted"),
    [
        (night(12, 11, 5, 1), (2, 3), ("held", "held")),
        (night(12, 11, 5, 1), (), ("held", "held")),
        (night(12, 11, 5, 1), (0, 1, 2, 3), ("broken", "held")),
        (night(400, 390, 301, 1, backed_up=380), (2, 3), ("held", "broken")),
        (night(12, 11), (), ("unknown",)),
        (night(5, 1), (), ("unknown",)),
    ],
    ids=["since the backup", "none", "the backup is not used", "too old", "none since", "none before"],
)
def test_what_is_claimed(sessions: Sessions, lost: tuple[int, ...], wanted: tuple[str, ...]):
    """Whoever was logged in before the backup stays so; later ones may be out, back to the objective."""
    claims = list(judged(sessions, [sessions.opened[number] for number in lost]))
    assert tuple(claim.outcome for claim in claims) == wanted
    if lost == (2, 3) and wanted[1] == "held":
        assert "2 of 4 sessions are lost; they go back 5.0 s" in claims[1].sentence
        assert f"{REDIS_RPO:.0f} s are allowed" in claims[1].sentence


def test_a_token_is_shown_to_nobody():
    """It would be a way into the stack, and into evidence."""
    assert "t0" not in repr(night(1.0))
