"""How a night's caches and databases do, second by second: misses of Redis, and the load on MongoDB."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import redis

from drills.rig.backups import Backups, Bench
from drills.rig.course import Settings
from drills.rig.host import StackHost
from drills.subjects.redis import RedisSubject
from drills.subjects.redis_night import redis_subject

FILE = "warm_up.json"
EVERY = 0.5  # seconds from one sample to the next
_LIKE_BEFORE = 1.2  # the playbook's list: within 20 % of before
_IN_A_ROW = 3
_TICKS = 100  # of /proc/PID/stat in a second, on every Linux

Sample = Mapping[str, float]


def watched(backups: Backups, database: str = "mongo1") -> Backups:
    """Return those backups, with a sample taken every half second for as long as the night has them.

    Samples lie in `warm_up.json`: `at` (monotonic seconds), hits and misses of Redis in all (absent while it
    does not answer), and CPU seconds that the container `database` has used.
    """

    @contextlib.contextmanager
    def both(bench: Bench) -> Iterator[str]:
        samples: list[dict[str, float]] = []
        with backups(bench) as said, _sampling(bench, database, samples):
            yield said
        bench.evidence.write_json(FILE, {"samples": samples})

    return both


def _sampling(bench: Bench, database: str, into: list[dict[str, float]]) -> AbstractContextManager[None]:
    stack = bench.scene.stack
    subject = redis_subject(stack, Settings())
    assert isinstance(subject, RedisSubject)
    known: RedisSubject = subject

    def take() -> None:
        sample = {"at": time.monotonic(), "cpu": cpu_of(stack.hosts[database])}
        with contextlib.suppress(redis.RedisError, OSError), known.connect() as client:
            stats: Any = client.info("stats")
            sample |= {"hits": stats["keyspace_hits"], "misses": stats["keyspace_misses"]}
        into.append(sample)

    return _every(take)


@contextlib.contextmanager
def _every(take: Callable[[], None]) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(EVERY):
            take()

    thread = threading.Thread(target=run, name="drill-warm-up", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def cpu_of(host: StackHost) -> float:
    """Return the CPU seconds that a container's processes, and those they began, have used so far."""
    # Not every engine's kernel counts by the container; what `stats` says there is 0.
    shown = host.exec("sh", "-c", "cat /proc/[0-9]*/stat", ok=()).text
    return sum(ticks_of(line) for line in shown.splitlines()) / _TICKS


def ticks_of(line: str) -> int:
    """Return what a line of /proc/PID/stat says was used, by the process and the children it waited for."""
    # A program's name may hold anything, a parenthesis too.
    fields = line.rpartition(")")[2].split()
    return sum(map(int, fields[11:15]))


def rates(samples: Sequence[Sample], first: float, last: float) -> list[tuple[float, float]]:
    """Return (moment, share of lookups that missed) between two moments; what restarted counts from zero."""
    inside = [each for each in samples if first <= each["at"] <= last and "hits" in each]
    found = []
    for one, two in itertools.pairwise(inside):
        hits, misses = two["hits"] - one["hits"], two["misses"] - one["misses"]
        if hits < 0 or misses < 0:
            hits, misses = two["hits"], two["misses"]
        if hits + misses:
            found.append((two["at"], misses / (hits + misses)))
    return found


def load(samples: Sequence[Sample], first: float, last: float) -> list[tuple[float, float]]:
    """Return (moment, CPU seconds a second of the database) between two moments."""
    inside = [each for each in samples if first <= each["at"] <= last]
    return [
        (two["at"], (two["cpu"] - one["cpu"]) / (two["at"] - one["at"]))
        for one, two in itertools.pairwise(inside)
    ]


def normal_after(series: Sequence[tuple[float, float]], usual: float, slack: float = 0.0) -> float | None:
    """Return from when on values are as usual several times in a row (20 % or `slack` more); None = never."""
    good = [value <= max(usual * _LIKE_BEFORE, usual + slack) for _, value in series]
    for place in range(len(good) - _IN_A_ROW + 1):
        if all(good[place : place + _IN_A_ROW]):
            return series[place][0]
    return None
