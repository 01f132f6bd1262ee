"""What the nights of RefServer's backups have before the strike: a full one, and the hours since."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from agent.errors import StepFailed
from drills.rig.backups import Bench

_pause = threading.Event()
BETWEEN = 2.0  # seconds, in the place of hours: what is written in between makes the increments


@contextlib.contextmanager
def daily_and_hourly(bench: Bench) -> Iterator[str]:
    """A full set and two increments, each taken under load and verified."""
    take(bench, "daily")
    for _ in range(2):
        _pause.wait(BETWEEN)
        take(bench, "hourly")
    yield "a full backup and two hourly increments are taken and verified"


@contextlib.contextmanager
def daily(bench: Bench) -> Iterator[str]:
    """A full set alone: for what is mended without one."""
    take(bench, "daily")
    yield "a full backup is taken and verified"


@contextlib.contextmanager
def newest_is_bad(bench: Bench) -> Iterator[str]:
    """The same, and then the newest rots."""
    with daily_and_hourly(bench):
        newest = "f=$(ls /data/backups/sqlite/incremental/*.tar.gz | tail -n 1)"
        rot = 'printf X | dd of="$f" bs=1 seek=90 conv=notrunc status=none'
        bench.scene.host.exec("sh", "-c", f"{newest}; {rot}")
        bench.held.pop()
        yield "a full backup and two hourly increments are taken and verified, and the newest rots"


def take(bench: Bench, kind: str) -> None:
    """Have the agent take one, which verifies it: what was acknowledged before is in it."""
    began = time.monotonic()
    said = bench.agent.do("backup", "take", "refserver", "--kind", kind)
    bench.evidence.write(f"backup-{kind}.txt", said.out + said.err)
    if said.rc:
        raise StepFailed(f"`backup take --kind {kind}` ended with code {said.rc}. {said.last}")
    bench.held.append(began)
