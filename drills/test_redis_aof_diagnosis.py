"""Each fault on a real host is named by `drillyard check`; auto-recover picks the page that answers it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drills.rig.course import Settings
from drills.rig.fault import Scene, fault
from drills.rig.recovery import Agent
from drills.rig.stack import Stack, StackHost, named
from drills.subjects.redis import RedisSubject
from drills.subjects.redis_night import redis_subject

DATA, UNIT = "/var/lib/redis", "redis-server"


@dataclass(frozen=True)
class Case:
    """A fault, the symptoms it must be named by, and whether a page of ours answers them."""

    fault: str
    symptoms: frozenset[str]
    settings: tuple[tuple[str, Any], ...] = ()
    page: str = "redis_aof"


def case(name: str, *symptoms: str, page: str = "redis_aof", **settings: Any) -> Case:
    """Return a case."""
    named = frozenset(each if "." in each else f"redis.{each}" for each in symptoms)
    return Case(name, named, tuple(settings.items()), page)


CASES = (
    case("aof_tail_cut", "down", "log-torn"),
    case("aof_tail_garbage", "down", "log-torn"),
    case("aof_flip", "down", "log-damaged", where=0.5, hit="command"),
    case("aof_length_grown", "down", "log-damaged", where=0.5),
    case("aof_base_damaged", "down", "log-damaged"),
    case("aof_manifest_lost", "started-empty"),
    case("wrong_owner", "down", "files-foreign"),
    case("writes_refused", "writes-refused", page=""),
    case("frozen", "hangs", page=""),
    case("memory_full", "memory-full", page="redis_memory", temp=20_000, room=2 << 20),
    case("cuts_itself", "cuts-itself", page=""),
)
# Their page watches the misses of a cache that warms up, for minutes.
GONE = (
    case("redis_files_lost", "backup.not-held", page="redis_total_loss"),
    case("redis_files_lost", "data-lost", page="redis_total_loss", stays_down=True),
)


def _freeze(subject: RedisSubject, host: StackHost) -> Callable[[], object]:
    del subject
    host.exec("systemctl", "kill", "-s", "STOP", UNIT)
    return lambda: host.exec("systemctl", "kill", "-s", "CONT", UNIT)


def _cuts_itself(subject: RedisSubject, host: StackHost) -> Callable[[], object]:
    del host
    with subject.connect() as client:
        client.config_set("aof-load-truncated", "yes")
    return lambda: subject.connect().config_set("aof-load-truncated", "no")


MEDDLE = {"frozen": _freeze, "cuts_itself": _cuts_itself}


def _fill(subject: RedisSubject, mark: str) -> None:
    with subject.connect() as client:
        pipe = client.pipeline(transaction=False)
        for number in range(2000):
            pipe.set(f"{mark}:{number}", number * 7)
        pipe.execute()


def _check(agent: Agent) -> tuple[int, set[str], str]:
    said = agent.do("check", "--json")
    health = json.loads(said.out.splitlines()[-1])
    assert not health["unseen"], said.out
    return said.rc, {symptom["id"] for symptom in health["symptoms"]}, said.out


def _strike(each: Case, stack: Stack, subject: RedisSubject) -> Callable[[], object]:
    host = stack.hosts["redis1"]
    if each.fault in MEDDLE:
        return MEDDLE[each.fault](subject, host)
    scene, harm = Scene(stack, host, UNIT, DATA), fault(each.fault, **dict(each.settings))
    wound = harm.strike(scene)
    # What systemd makes of it: it gave up, or it runs again (empty, or as if nothing had been).
    settled = 'case $(systemctl show -P ActiveState "$1") in failed|active) ;; *) false;; esac'
    host.exec("sh", "-c", f"until {settled}; do sleep 0.1; done", "sh", UNIT)
    return lambda: harm.heal(scene, wound)


@pytest.mark.parametrize(
    "cases", [pytest.param(CASES, id="damaged"), pytest.param(GONE, id="gone", marks=pytest.mark.nightly)]
)
def test_redis_aof_diagnosis(
    cases: tuple[Case, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sound host has no symptom, each fault its own and no other; the page named mends it."""
    table: list[str] = []
    with Stack(named("chat"), tmp_path / "run", services=("redis1",)) as stack:
        agent = Agent(stack.inventory, tmp_path)
        subject = redis_subject(stack, Settings())
        assert isinstance(subject, RedisSubject)
        _fill(subject, "base")
        with subject.connect() as client:
            client.bgrewriteaof()
        assert agent.do("backup", "take", "redis").rc == 0
        assert _check(agent)[:2] == (0, set())
        for each in cases:
            _fill(subject, each.fault)
            heal = _strike(each, stack, subject)
            code, symptoms, shown = _check(agent)
            table.append(f"{each.fault:<18} {', '.join(sorted(symptoms)):<34} exit {code}")
            assert symptoms == each.symptoms, shown
            assert code == (1 if each.fault == "cuts_itself" else 2)
            said = agent.do("auto-recover", "--yes", "--runs", str(tmp_path / "runs"), within=400)
            assert (f"page {each.page} answers" in said.out) is bool(each.page), said.out
            assert (said.rc == 0) is bool(each.page), said.out + said.err
            heal()
            assert _check(agent)[:2] == (0, set())
    with capsys.disabled():
        print("\nfault              named                              `drillyard check`", *table, sep="\n")  # noqa: T201 - the confusion table is what this drill is for
