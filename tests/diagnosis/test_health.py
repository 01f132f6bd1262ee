"""A service is called sound only where everything was looked at and found so."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.backup.model import Backup, Verified
from agent.diagnosis.health import DEGRADED, DOWN, SOUND, UNSEEN, Health, Seen, judge
from agent.diagnosis.remedy import advise
from agent.runbook.model import Page
from agent.supervisors import Status
from agent.systems import Symptom, Vitals

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


SICK = Symptom("redis.writes-refused", DOWN, "Writes are refused", "쓰기가 거부됨", "OOM")
ODD = Symptom("redis.cuts-itself", DEGRADED, "aof-load-truncated is yes", "")


def backup(hours: float = 1) -> Backup:
    """A verified backup of that age."""
    taken = (NOW - timedelta(hours=hours)).isoformat()
    return Backup("b", "redis", "one", "/b", taken, 1, "", verified=Verified("restored", taken, ""))


def seen(**more) -> Seen:
    """A sound service, but for what is named."""
    return Seen(
        **{
            "status": Status("running", enabled=True),
            "vitals": Vitals(True, True, True, "sound"),
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
        ({"vitals": Vitals(False, False, False, "sound", (SICK,))}, DOWN, "redis.writes-refused"),
        ({"vitals": Vitals(True, True, False, "sound")}, DEGRADED, ""),
        ({"vitals": Vitals(True, True, True, "sound", (ODD,))}, DEGRADED, "redis.cuts-itself"),
        ({"status": Status("running", enabled=False)}, DEGRADED, "service.not-enabled"),
        ({"backup": None}, DEGRADED, "backup.missing"),
        ({"backup": backup(hours=30)}, DEGRADED, "backup.old"),
        ({"vitals": None, "errors": ["could not ask"]}, UNSEEN, ""),
        ({"status": None, "errors": ["no systemctl"]}, UNSEEN, ""),
        (
            {"vitals": Vitals(False, False, False, "?", (SICK,)), "errors": ["x"]},
            DOWN,
            "redis.writes-refused",
        ),
    ],
)
def test_each_wrong_is_named(wrong, level, symptom):
    """One thing wrong: its level, and the symptom by name; what could not be looked at is never sound."""
    health = judge("one", "redis", seen(**wrong), NOW)
    assert health.level == level
    assert [found.id for found in health.symptoms] == ([symptom] if symptom else [])


def page(name, covers, system="redis"):
    """A page that covers these symptoms."""
    return Page(title=name, steps=(), name=name, system=system, covers=tuple(covers))


def test_the_page_that_covers_the_cause_is_advised():
    """Of several pages the one that answers most of the worst symptoms stays; what none answers is said."""
    down = Symptom("redis.down", DOWN, "", "")
    torn = Symptom("redis.log-torn", DOWN, "", "")
    full = Symptom("redis.memory-full", DOWN, "", "")
    health = Health("one", "redis", DOWN, (down, torn, full, ODD))
    pages = [
        page("aof", ["redis.down", "redis.log-torn"]),
        page("restart", ["redis.down"]),
        page("other", ["redis.down", "redis.log-torn"], system="valkey"),
        page("config", ["redis.cuts-itself"]),
    ]
    advice = advise(health, pages)
    assert list(advice.pages) == ["aof"]
    assert [symptom.id for symptom in advice.uncovered] == ["redis.memory-full"]
    twins = [*pages, page("twin", ["redis.log-torn", "redis.down"])]
    assert list(advise(health, twins).pages) == ["aof", "twin"]
    assert not advise(health, []).pages
