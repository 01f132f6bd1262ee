"""Proof that the drill of a total loss can fail: each night has one thing wrong with it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import of_text, with_text, without_step
from drills.rig.backups import Bench, full_of
from drills.rig.course import Settings
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.redis_night import redis_night

QUICK = Settings(preload=4000, before=0.5, after=0.3, settle=5.0)
APART = 15.0  # seconds between two backups
NEWEST = 14.0  # seconds that the loss may go back where the newer of them is put back
pytestmark = pytest.mark.nightly
PAGE = "redis_total_loss"

BY_HAND = """\
title: What the playbook says, word by word
system: redis
on: redis
steps:
  - {name: Stop, do: service.stop}
  - name: Copy the newest backup to where dump.rdb was
    sh: cp "$(ls /backup/redis/*.rdb | sort | tail -n 1)" /var/lib/redis/dump.rdb
    sudo: true
    changes: copies the backup
  - {name: Start, do: service.start}
  - {name: PING until PONG, do: redis.ping}
prove:
  - {name: "It answers, reads and writes", do: redis.prove}
"""
NOTHING = """\
title: It answers, so all is well
system: redis
on: redis
steps:
  - {name: PING until PONG, do: redis.ping}
prove:
  - {name: "It answers, reads and writes", do: redis.prove}
"""
_pause = threading.Event()


def _wrong(night: Night, variant: str, **more: Any) -> tuple[str, str]:
    course = redis_night(
        drill=PAGE,
        page=PAGE,
        variant=variant,
        settings=QUICK,
        **{"harm": fault("redis_files_lost"), **more},
    )
    result = night.live(course)
    return result.verdict.word, str(result)


@contextlib.contextmanager
def _two(bench: Bench) -> Iterator[str]:
    """Two verified backups, a while apart."""
    with full_of("redis")(bench):
        # What is written in between is what the older one would cost.
        _pause.wait(APART)
        with full_of("redis")(bench) as said:
            yield f"{said}, for the second time"


def test_the_control_and_the_wrong_backup(night: Night, tmp_path: Path) -> None:
    """The newest backup keeps the losses small; with the one before they are larger than allowed: fail."""
    word, said = _wrong(night, "control", backups=_two, rpo=NEWEST)
    assert word == "pass", said

    @contextlib.contextmanager
    def oldest(bench: Bench) -> Iterator[str]:
        with _two(bench) as told:
            first = bench.scene.host.exec("sh", "-c", "ls /backup/redis/*.rdb | sort | head -n 1").text
            chosen = f'default: "{Path(first).stem}"'
            with_text(PAGE, 'default: ""', chosen, tmp_path / "wrong")
            yield told

    word, said = _wrong(night, "wrong_backup", backups=oldest, rpo=NEWEST, pages=(tmp_path / "wrong",))
    assert word == "fail"
    assert "the objective is 14 s" in said or "allowed: 14 s" in said, said


def test_without_putting_it_in_its_place(night: Night, tmp_path: Path) -> None:
    """A page that forgets to promote what it made starts an empty server: fail."""
    word, said = _wrong(night, "not_promoted", pages=(without_step(PAGE, "redis.promote", tmp_path),))
    assert word == "fail", said


def test_a_page_that_does_nothing(night: Night, tmp_path: Path) -> None:
    """An empty Redis answers PONG, reads and writes; the agent is content, the drill is not: fail."""
    word, said = _wrong(night, "does_nothing", pages=(of_text(PAGE, NOTHING, tmp_path),))
    assert word == "fail"
    assert "lost" in said


def test_the_playbook_word_by_word(night: Night, tmp_path: Path) -> None:
    """Copied to dump.rdb, the backup is ignored where appendonly is on, and Redis stays empty: fail."""
    word, said = _wrong(night, "by_hand", pages=(of_text(PAGE, BY_HAND, tmp_path),))
    assert word == "fail"
    assert "lost" in said


def test_with_a_fault_that_does_nothing(night: Night) -> None:
    """A fault without effect proves nothing: unverified, and the agent is not even called."""
    word, said = _wrong(night, "noop", harm=fault("noop"))
    assert word == "unverified"
    assert "no effect" in said
