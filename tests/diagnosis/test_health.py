"""A service is called sound only where everything was looked at and found so."""

from datetime import UTC, datetime, timedelta

import pytest

from agent import naming
from agent.backup.model import Backup, Verified
from agent.diagnosis.disk import Disk
from agent.diagnosis.health import DEGRADED, DOWN, SOUND, UNSEEN, Health, Seen, clock_off, judge
from agent.diagnosis.remedy import advise
from agent.runbook.load import load_page
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
    ("kept", "shown"), [("", "none needed"), ("2 s behind", "2 s behind")], ids=["no data", "its own way"]
)
def test_a_system_may_keep_its_backups_in_its_own_way(kept: str, shown: str):
    """The catalog is not asked then, and nothing is missing from it."""
    health = judge(
        "one", "app", seen(vitals=Vitals(True, True, True, "sound", backup=kept), backup=None), NOW
    )
    assert (health.level, health.symptoms, health.backup) == (SOUND, (), shown)


@pytest.mark.parametrize(
    ("wrong", "level", "symptom"),
    [
        ({"vitals": Vitals(False, False, False, "sound", (SICK,))}, DOWN, "redis.writes-refused"),
        ({"vitals": Vitals(True, True, False, "sound")}, DEGRADED, ""),
        ({"vitals": Vitals(True, True, True, "sound", (ODD,))}, DEGRADED, "redis.cuts-itself"),
        ({"status": Status("running", enabled=False)}, DEGRADED, "service.not-enabled"),
        ({"status": Status("unknown", enabled=None)}, SOUND, ""),
        ({"backup": None}, DEGRADED, "backup.missing"),
        ({"backup": backup(hours=30)}, DEGRADED, "backup.old"),
        ({"backup": backup(hours=3), "oldest": 7200.0}, DEGRADED, "backup.old"),
        ({"set_back": "it does not go on from b"}, DOWN, "backup.not-held"),
        ({"clock_off": -7200.0}, DEGRADED, "service.clock-off"),
        ({"clock_off": 29.0}, SOUND, ""),
        ({"disk": Disk("/data", 90, 1000, 100)}, DEGRADED, "service.disk-nearly-full"),
        ({"disk": Disk("/data", 89, 1000, 110)}, SOUND, ""),
        (
            {"set_back": "it does not", "vitals": Vitals(False, False, False, "rebuild", (SICK,))},
            DOWN,
            "redis.writes-refused",
        ),
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


def test_a_clock_is_off_by_what_no_look_explains():
    """Read at some moment of the look, and in whole seconds: any time within it is ours."""
    assert clock_off(100.0, 100.9, 103.0) == 0
    assert clock_off(103.0, 100.9, 103.0) == 0
    assert clock_off(90.0, 100.0, 103.0) == -9
    assert clock_off(110.0, 100.0, 103.0) == 7


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


@pytest.mark.parametrize(
    ("system", "symptom", "level"),
    [
        ("ollama", "ollama.down", DOWN),
        ("huridocs", "huridocs.down", DOWN),
        ("refserver", "refserver.dependency-down", DEGRADED),
    ],
)
def test_what_refserver_depends_on_leads_to_its_page(system: str, symptom: str, level: int):
    """The page is about RefServer and acts on both: whichever is asked, it is the answer."""
    pages = [load_page(path) for path in naming.pages(()).values()]
    health = Health("ref1", system, level, (Symptom(symptom, level, "", ""),))
    advice = advise(health, pages)
    assert list(advice.pages) == ["dependency_down"]
    assert advice.uncovered == ()


def test_a_page_that_only_looks_alike_is_not_advised():
    """It covers a symptom of that name, and acts on another system only."""
    health = Health("one", "ollama", DOWN, (Symptom("ollama.down", DOWN, "", ""),))
    assert not advise(health, [page("other", ["ollama.down"], system="llama")]).pages


def test_a_page_of_its_own_goes_before_one_of_another_system():
    """mongodb.down: the database's own page, not that of an application beside it."""
    health = Health("one", "ollama", DOWN, (Symptom("ollama.down", DOWN, "", ""),))
    pages = [load_page("dependency_down"), page("own", ["ollama.down"], system="ollama")]
    assert list(advise(health, pages).pages) == ["own"]
