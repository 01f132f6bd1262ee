"""Everything Redis keeps is lost under load; the newest good backup comes back, with what came since."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from agent.errors import StepFailed
from drills.rig.backups import Bench, full_of
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.redis_night import redis_night

_pause = threading.Event()


@dataclass(frozen=True)
class Loss:
    """One way to lose everything, and what is done with the backups before."""

    id: str
    settings: dict[str, Any] = field(default_factory=dict)
    backups: Any = None
    rpo: float = 300.0
    long: bool = False


@contextlib.contextmanager
def newest_is_bad(bench: Bench) -> Iterator[str]:
    """Two verified backups, a while apart, and then the newer one rots."""
    with full_of("redis")(bench):
        # What is written between the two is what the bad one costs.
        _pause.wait(3)
        with full_of("redis")(bench):
            found = bench.scene.host.exec("sh", "-c", "ls /backup/redis/*.rdb | sort | tail -n 1").text
            rot = 'printf X | dd of="$1" bs=1 seek=100 conv=notrunc status=none'
            bench.scene.host.exec("sh", "-c", rot, "sh", found)
            yield f"two backups are taken and verified, and the newer one rots ({found})"


@contextlib.contextmanager
def log_and_snapshot(bench: Bench) -> Iterator[str]:
    """A snapshot, and then a copy of the append-only file, which is the newer."""
    with full_of("redis")(bench):
        said = bench.agent.do("backup", "take", "redis", "--kind", "aof")
        bench.evidence.write("backup-aof.txt", said.out + said.err)
        if said.rc:
            raise StepFailed(f"`backup take --kind aof` ended with code {said.rc}. {said.last}")
        yield "a snapshot and a copy of the log are taken and verified"


LOSSES = (
    Loss("started_empty"),
    Loss("stays_down", {"stays_down": True}, long=True),
    Loss("newest_backup_bad", backups=newest_is_bad, long=True),
    Loss("aof_backup", backups=log_and_snapshot, long=True),
)


@pytest.mark.parametrize(
    "loss",
    [pytest.param(loss, id=loss.id, marks=[pytest.mark.nightly] * loss.long) for loss in LOSSES],
)
def test_redis_total_loss(night: Night, loss: Loss) -> None:
    """Users are served again in time; lost is what was written between the backup and the loss, no more."""
    result = night.prove(
        redis_night(
            drill="redis_total_loss",
            page="redis_total_loss",
            variant=loss.id,
            harm=fault("redis_files_lost", **loss.settings),
            rpo=loss.rpo,
            backups=loss.backups,
        )
    )
    assert result.recovery is not None
    notes = [told.event.get("sentence", "") for told in result.recovery.told if told.is_step(state="note")]
    assert any("is lost" in note for note in notes)
    if loss.id == "newest_backup_bad":
        assert any("is not used" in note for note in notes)
