"""Which restore leads to a moment, and what is said where none does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.errors import NoBackup, StepFailed, Usage
from agent.providers.atlas.choose import choose, fit, window
from agent.providers.atlas.told import Look, Member, Taken

NOW = 1_780_000_000.0
CHAT = Member("chat", "IDLE", "8.0", "M20", 3, "AP_NORTHEAST_2", "mongodb+srv://chat.x", continuous=True)
SPARE = replace(CHAT, name="chat-dr", address="mongodb+srv://chat-dr.x")


def _second(seconds: int) -> dict[str, object]:
    return {"deliveryType": "pointInTime", "pointInTimeUTCSeconds": seconds}


LOOK = Look(NOW, CHAT, SPARE, 7, (Taken("s2", NOW - 3600), Taken("s1", NOW - 2 * 86_400)))


@pytest.mark.parametrize(
    ("at", "body", "moment"),
    [
        ("latest", _second(int(NOW) - 60), "1779999940,0"),
        ("snapshot", {"deliveryType": "automated", "snapshotId": "s2"}, "1779996400,0"),
        ("1779999000,3", {"deliveryType": "pointInTime", "oplogTs": 1_779_999_000, "oplogInc": 3}, None),
        (
            "1779999000,0",
            {"deliveryType": "pointInTime", "pointInTimeUTCSeconds": 1_779_998_999},
            "1779998999,0",
        ),
        ("1779999000,4294967295", _second(1_779_999_000), "1779999000,0"),
        ("2026-05-28T20:16:40+00:00", _second(1_779_999_400), None),
        ("2026-05-29T05:16:40+09:00", _second(1_779_999_400), None),
    ],
)
def test_a_moment_becomes_a_body(at: str, body: dict[str, object], moment: str | None) -> None:
    """Exact places in the log stay exact; whole seconds are seconds; 0 is the end of the second before."""
    chosen = choose(LOOK, at)
    assert chosen.body == body
    assert moment is None or chosen.at == moment


@pytest.mark.parametrize(
    ("look", "at", "words"),
    [
        (LOOK, "1779000000,1", "any moment from 2026-05-26 20:26:40 UTC to 2026-05-28 20:26:40 UTC"),
        (LOOK, "1780000100,1", "any moment from"),
        (replace(LOOK, days=1), "1779900000,1", "from 2026-05-27 20:26:40 UTC"),
        (replace(LOOK, days=0), "latest", "only its snapshots"),
        (replace(LOOK, days=0), "1779999000,1", "the snapshot of 2026-05-28 19:26:40 UTC"),
        (replace(LOOK, cluster=replace(CHAT, continuous=False)), "latest", "no continuous backup"),
        (replace(LOOK, snapshots=()), "latest", "nothing at all"),
        (replace(LOOK, snapshots=()), "snapshot", "no completed snapshot"),
        (replace(LOOK, cluster=None), "latest", "a cluster's backups go with it"),
    ],
)
def test_what_cannot_be_had_names_what_can(look: Look, at: str, words: str) -> None:
    """The sentence names the nearest moments, or says that there is nothing."""
    with pytest.raises(NoBackup, match="Atlas cannot bring") as none:
        choose(look, at)
    assert words in str(none.value)


@pytest.mark.parametrize("at", ["", "yesterday", "2026-05-28T20:16:40", "1779999000,-1", "1,1"])
def test_what_is_no_moment_is_said(at: str) -> None:
    """A time without an offset is nobody's."""
    with pytest.raises(Usage, match="Expected latest, snapshot"):
        choose(LOOK, at)


def test_the_window_is_atlas_s() -> None:
    """From the oldest of log and snapshot to now, by Atlas's clock."""
    found = window(LOOK)
    assert (found.first, found.last) == (NOW - 2 * 86_400, NOW)
    assert window(replace(LOOK, days=1)).first == NOW - 86_400


@pytest.mark.parametrize(
    ("spare", "words"),
    [
        (None, "no spare"),
        (replace(SPARE, state="CREATING", address=""), "found it CREATING"),
        (replace(SPARE, paused=True), "paused"),
        (replace(SPARE, version="7.0"), "a newer one: 8.0"),
    ],
)
def test_a_spare_that_does_not_fit_is_said_before_it_is_emptied(spare: Member | None, words: str) -> None:
    """Not there, not ready, paused, or older than what is restored."""
    with pytest.raises(StepFailed, match=words):
        fit(replace(LOOK, spare=spare))


def test_a_newer_spare_fits() -> None:
    """Restoring into a newer release is allowed."""
    assert fit(replace(LOOK, spare=replace(SPARE, version="10.0"))).name == "chat-dr"
