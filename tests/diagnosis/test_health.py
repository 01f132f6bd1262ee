"""A service is called sound only where everything was looked at and found so."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from agent.backup.model import Backup, Verified
from agent.diagnosis.health import DEGRADED, DOWN, SOUND, UNSEEN, Seen, judge
from agent.supervisors import Status

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


@dataclass
class Says:
    """What a system said of itself."""

    up: bool = True
    reads: bool = True
    writes: bool = True
    symptoms: tuple[str, ...] = ()


@dataclass
class Found:
    """What an inspection found."""

    remedy: str = "none"
    reasons: tuple[str, ...] = ()


def backup(hours: float = 1) -> Backup:
    """A verified backup of that age."""
    taken = (NOW - timedelta(hours=hours)).isoformat()
    return Backup("b", "redis", "one", "/b", taken, 1, "", verified=Verified("restored", taken, ""))


def seen(**more) -> Seen:
    """A sound service, but for what is named."""
    return Seen(
        **{
            "status": Status("running", enabled=True),
            "answers": Says(),
            "data": Found(),
            "backup": backup(),
            **more,
        }
    )


def test_a_sound_service_is_sound():
    """Nothing wrong anywhere: no symptom."""
    health = judge("one", "redis", seen(), NOW)
    assert (health.level, health.symptoms) == (SOUND, ())
    assert health.backup == "60 min old, restored"


@pytest.mark.parametrize(
    ("wrong", "level", "symptom"),
    [
        ({"answers": Says(up=False, reads=False, writes=False)}, DOWN, ""),
        ({"answers": Says(writes=False, symptoms=("writes are refused",))}, DOWN, "writes are refused"),
        ({"answers": Says(symptoms=("aof-load-truncated is yes",))}, DEGRADED, "aof-load-truncated is yes"),
        ({"data": Found("cut", ("the end is torn",))}, DOWN, "the end is torn"),
        ({"data": Found("rescue", ("its files are damaged",))}, DEGRADED, "its files are damaged"),
        ({"status": Status("running", enabled=False)}, DEGRADED, "it will not start"),
        ({"backup": None}, DEGRADED, "no verified backup"),
        ({"backup": backup(hours=30)}, DEGRADED, "30 h old"),
        ({"answers": None, "errors": ["could not ask"]}, UNSEEN, "could not ask"),
        ({"status": None, "errors": ["no systemctl"]}, UNSEEN, "no systemctl"),
    ],
)
def test_each_wrong_is_named(wrong, level, symptom):
    """One thing wrong: its level, and the symptom in words; what could not be looked at is never sound."""
    health = judge("one", "redis", seen(**wrong), NOW)
    assert health.level == level
    assert symptom in " ".join(health.symptoms)
