"""Proof that the drill of a full memory can fail: each night has one thing wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import of_text, with_text, without_step
from drills.rig.course import Settings
from drills.rig.fault import Scene, fault
from drills.rig.plugin import Night
from drills.rig.subject import Subject
from drills.subjects.redis_night import redis_night

QUICK = Settings(preload=4000, before=0.5, after=0.3, settle=5.0)
pytestmark = pytest.mark.nightly
PAGE = "redis_memory"
SMALL = fault("memory_full", temp=20_000, room=2 << 20)
EVICTS = """\
title: Let Redis throw out what it likes
system: redis
on: redis
steps:
  - name: Set allkeys-lru, and a limit far too small
    sh: >-
      export REDISCLI_AUTH="$(sed -n 's/^requirepass //p' /etc/redis/password.conf)";
      redis-cli CONFIG SET maxmemory-policy allkeys-lru; redis-cli CONFIG SET maxmemory 2mb;
      redis-cli SET now full; redis-cli DEL now
    sudo: true
    changes: sets the policy
prove:
  - {name: "It answers, reads and writes", do: redis.prove}
"""


def _wrong(night: Night, variant: str, **more: Any) -> tuple[str, str]:
    course = redis_night(
        drill=PAGE, page=PAGE, variant=variant, settings=QUICK, rpo=0, **{"harm": SMALL, **more}
    )
    result = night.live(course)
    return result.verdict.word, str(result)


@pytest.mark.parametrize("gone", ["redis.raise_maxmemory", "redis.sweep"])
def test_without_a_step(night: Night, tmp_path: Path, gone: str) -> None:
    """Without deleting, temporary keys stay, so the drill is red; without raising, deleting alone helps."""
    page = without_step(PAGE, gone, tmp_path)
    word, said = _wrong(night, f"without_{gone.partition('.')[2]}", pages=(page,))
    assert word == ("pass" if gone == "redis.raise_maxmemory" else "fail"), said


def test_a_pattern_that_is_wrong(night: Night, tmp_path: Path) -> None:
    """Deleting keys of users instead of temporary ones makes room, and is a loss: fail."""
    page = with_text(PAGE, 'default: "temp:*"', 'default: "new:*"', tmp_path)
    word, said = _wrong(night, "wrong_keys", pages=(page,))
    assert word == "fail"
    assert "lost" in said


def test_a_policy_that_evicts(night: Night, tmp_path: Path) -> None:
    """allkeys-lru takes writes again at once, by throwing out what users had: fail."""
    word, said = _wrong(night, "evicts", pages=(of_text(PAGE, EVICTS, tmp_path),))
    assert word == "fail"
    assert "lost" in said


def test_with_a_fault_that_does_nothing(night: Night) -> None:
    """A fault without effect proves nothing: unverified, and the agent is not even called."""
    word, said = _wrong(night, "noop", harm=fault("noop"))
    assert word == "unverified"
    assert "no effect" in said


def _forget(scene: Scene, subject: Subject) -> None:
    del subject
    scene.host.exec("sh", "-c", "sed -i '/^# kept by drillyard/,+1d' /etc/redis/redis.conf")
    scene.host.exec("systemctl", "restart", scene.unit)


def test_a_limit_that_is_not_kept(night: Night) -> None:
    """Where the limit does not outlive a restart, the small one is back and writes are refused: fail."""
    word, said = _wrong(night, "not_kept", harm=fault("memory_full", temp=0), meddle=_forget)
    assert word == "fail", said
