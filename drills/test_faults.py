"""Faults that no page of Redis answers yet: each shows as it says, and is gone when it is healed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills.rig.course import Settings
from drills.rig.fault import Scene, fault
from drills.rig.probe import look_once
from drills.rig.recovery import Agent
from drills.rig.stack import Stack, named
from drills.rig.subject import Hand, Subject
from drills.subjects.redis_night import redis_subject

LOOKS = 12


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The chat stack's Redis, its data on a disk that can be filled."""
    folder, disks = tmp_path_factory.mktemp("stack"), {"redis1-data": "ext4"}
    with Stack(named("chat"), folder, services=("redis1",), disks=disks) as stack:
        yield Scene(stack, stack.hosts["redis1"], "redis-server", "/var/lib/redis")


@pytest.fixture(scope="module")
def subject(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """Its Redis from outside, with what every look reads."""
    made = redis_subject(scene.stack, Settings(preload=100))
    for _batch in made.preload(0, 100):
        pass
    agent = Agent(scene.stack.inventory, tmp_path_factory.mktemp("agent"))
    assert agent.do("backup", "take", "redis").rc == 0
    return made


def _looks(hand: Hand) -> list[tuple[str, float]]:
    """Return how each of some looks ended, and its seconds."""
    looks = [look_once(hand, number) for number in range(LOOKS)]
    return [(look.error, look.ended - look.began) for look in looks]


# How it is struck, how it shows to users, and what `drillyard check` names; from inside of the host a network
# that is cut, lossy or slow cannot be seen.
CASES: dict[str, tuple[dict[str, Any], str, set[str]]] = {
    "pause": ({}, "TimeoutError", {"redis.hangs"}),
    "partition": ({}, "TimeoutError", set()),
    "partition-refused": ({"refused": True}, "ConnectionError", set()),
    "loss": ({"share": 0.5}, "late", set()),
    "latency": ({"seconds": 0.1}, "late", set()),
    "disk_full": ({}, "MISCONF", {"redis.disk-full", "redis.writing-failed"}),
    "clock_skew": ({"seconds": -7200}, "clock", {"service.clock-off"}),
    "clock_skew-ahead": ({"seconds": 7200}, "clock", {"service.clock-off"}),
}


@pytest.mark.nightly
@pytest.mark.parametrize("case", CASES)
def test_a_fault_strikes_and_heals(case: str, scene: Scene, subject: Subject, tmp_path: Path) -> None:
    """Sound before; then it shows as it is meant to and the agent names it; healed, all is as before."""
    settings, sign, symptoms = CASES[case]
    agent = Agent(scene.stack.inventory, tmp_path)
    harm = fault(case.partition("-")[0], **settings)
    hand = subject.hand()
    before = _looks(hand)
    assert [error for error, _ in before if error] == []
    assert _named(agent) == set()
    wound = harm.strike(scene)
    try:
        during = _looks(hand)
        end = time.monotonic() + 20
        # Redis notices a full disk once the last block of its log is full too.
        while sign == "MISCONF" and not _said(sign, during) and time.monotonic() < end:
            during = _looks(hand)
        _shows(sign, before, during, harm.seen(scene, wound))
        assert _named(agent) == symptoms
    finally:
        harm.heal(scene, wound)
    end = time.monotonic() + 20
    while any(error for error, _ in _looks(hand)):
        assert time.monotonic() < end, f"{case}: not healed"
    assert harm.seen(scene, wound) == ""
    if left := _named(agent):
        # What a full disk leaves in the log of a Redis that lives on; there is a page for it.
        assert (case, left) == ("disk_full", {"redis.files-damaged"})
        assert agent.recover("redis_aof", within=120).ended == "done"
        assert _named(agent) == set()
    hand.close()


def _named(agent: Agent) -> set[str]:
    said = agent.do("check", "--json")
    health = json.loads(said.out.splitlines()[-1])
    assert not health["unseen"], said.out
    return {symptom["id"] for symptom in health["symptoms"]}


def _shows(sign: str, before: list[tuple[str, float]], during: list[tuple[str, float]], seen: str) -> None:
    if sign == "clock":
        assert seen.startswith("its clock is ")
    elif sign == "late":
        assert max(took for _, took in during) > 0.09 + max(took for _, took in before)
    else:
        assert _said(sign, during), during


def _said(sign: str, looks: list[tuple[str, float]]) -> bool:
    return any(sign in error for error, _ in looks)
