"""Proof that the drill can fail: each night has one thing wrong with it, and is judged accordingly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import without_step
from drills.rig.course import Settings
from drills.rig.fault import Scene, fault
from drills.rig.plugin import Night
from drills.rig.stack import Stack
from drills.rig.subject import Hand, Intent, NotAcknowledged, Subject
from drills.subjects.redis import RedisSubject
from drills.subjects.redis_night import KILLED, redis_night, redis_subject

QUICK = Settings(preload=4000, before=0.5, after=0.3, settle=5.0)


def _wrong(night: Night, variant: str, **more: Any) -> tuple[str, str]:
    """Live through a night with something wrong, and return its word and what it said."""
    course = redis_night(variant=variant, settings=QUICK, **{"harm": fault("aof_tail_garbage"), **more})
    result = night.live(course)
    return result.verdict.word, str(result)


def test_the_same_night_with_nothing_wrong_passes(night: Night) -> None:
    """The control: what makes the nights below fail is what is wrong with them. No file has the password."""
    passwords: list[str] = []

    def learn(scene: Scene, subject: Subject) -> None:
        del scene
        assert isinstance(subject, RedisSubject)
        passwords.append(subject.password)

    harm = fault("aof_tail_garbage")
    result = night.prove(redis_night(variant="control", settings=QUICK, harm=harm, rpo=KILLED, meddle=learn))
    files = [path for path in result.folder.rglob("*") if path.is_file()]
    assert len(files) > 15
    assert [path for path in files if passwords[0].encode() in path.read_bytes()] == []


def test_without_the_repair_step(night: Night, tmp_path: Path) -> None:
    """A page that forgets to repair does not recover: fail."""
    word, _said = _wrong(night, "no_repair", pages=(without_step("redis_aof", "redis.cut", tmp_path),))
    assert word == "fail"


def test_with_a_fault_that_does_nothing(night: Night) -> None:
    """A fault without effect proves nothing: unverified, and the agent is not even called.

    By day for every system, whose own such nights are `nightly`: what judges is the rig, and it is one.
    """
    word, said = _wrong(night, "noop", harm=fault("noop"))
    assert word == "unverified"
    assert "no effect" in said


def _delete(scene: Scene, subject: Subject) -> None:
    del scene
    assert isinstance(subject, RedisSubject)
    with subject.connect() as client:
        assert client.delete("new:1234") == 1


def _alter(scene: Scene, subject: Subject) -> None:
    del scene
    assert isinstance(subject, RedisSubject)
    with subject.connect() as client:
        client.setrange("new:1234", 20, "?")


@pytest.mark.parametrize(
    ("meddle", "what"),
    [
        pytest.param(_delete, "lost", id="deleted"),
        pytest.param(_alter, "found changed", id="altered", marks=pytest.mark.nightly),
    ],
)
def test_with_one_write_meddled_with(
    night: Night, meddle: Callable[[Scene, Subject], None], what: str
) -> None:
    """One acknowledged write deleted or altered behind everybody's back: fail, and it is named."""
    word, said = _wrong(night, what.replace(" ", "_"), meddle=meddle)
    assert word == "fail"
    assert "#1234 (set new:1234)" in said
    assert what in said


class _Mute:
    """A client whose writes go nowhere; it looks as any other does."""

    def __init__(self, hand: Hand) -> None:
        self.probe, self.close = hand.probe, hand.close

    def write(self, seq: int, intent: Intent) -> None:
        """Acknowledge nothing."""
        raise NotAcknowledged("nobody answered")


class _MuteSubject(RedisSubject):
    def hand(self) -> Any:
        """Return a client that is never acknowledged."""
        return _Mute(super().hand())


def _mute(stack: Stack, settings: Settings) -> Subject:
    heard = redis_subject(stack, settings)
    assert isinstance(heard, RedisSubject)
    return _MuteSubject(heard.host, heard.port, heard.password, preload_count=settings.preload)


def test_with_a_writer_nobody_acknowledges(night: Night) -> None:
    """Where nothing was ever acknowledged no loss can be seen: unverified."""
    word, said = _wrong(night, "mute", subject=_mute)
    assert word == "unverified"
    assert "never acknowledged" in said


def test_with_writes_refused(night: Night) -> None:
    """Redis answers PING and refuses writes: the clock does not stop, so there is no RTO; fail."""
    word, _said = _wrong(night, "writes_refused", harm=fault("writes_refused"))
    assert word == "fail"
    assert night.result is not None
    assert night.result.findings.measured.rto is None


@pytest.mark.nightly
def test_with_a_value_flipped_in_the_log(night: Night) -> None:
    """Redis loads a wrong value without a word: it is mended, or the ledger names it."""
    word, said = _wrong(night, "value_flipped", harm=fault("aof_flip", where=0.3, hit="value", bytes=16))
    assert word == "pass" or (word == "fail" and "found changed: #" in said)


@pytest.mark.nightly
def test_with_a_network_that_stays_slow(night: Night) -> None:
    """Nothing is lost and the agent is content, while every answer comes late: the pace says so; fail."""
    word, said = _wrong(night, "slow_network", harm=fault("latency", seconds=0.1))
    assert word == "fail"
    assert "The median write took" in said
