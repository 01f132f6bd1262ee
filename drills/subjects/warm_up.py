"""How a night's caches and databases do, second by second: misses of Redis, and the load on MongoDB."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import redis

from drills.rig.backups import Backups, Bench
from drills.rig.course import Settings
from drills.rig.evidence import Evidence
from drills.rig.host import StackHost
from drills.rig.stopwatch import Measured
from drills.subjects.redis import RedisSubject
from drills.subjects.redis_night import redis_subject

FILE, SUMMARY = "warm_up.json", "warm_up_summary.json"
EVERY = 0.5  # seconds from one sample to the next
_LIKE_BEFORE = 1.2  # the playbook's list: within 20 % of before
_IN_A_ROW = 3
_TICKS = 100  # of /proc/PID/stat in a second, on every Linux

Sample = Mapping[str, float]


@dataclass(frozen=True)
class Warmed:
    """How a figure was: usually before, first, highest and p99 after users were served again, until usual.

    `normal_after_s` are the seconds after that until it was as usual; None = it never was, and then highest
    and p99 are of all that was seen.
    """

    usual: float
    first: float | None
    highest: float | None
    p99: float | None
    normal_after_s: float | None


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


def tells(evidence: Evidence, measured: Measured) -> Iterator[str]:
    """Yield for the story how misses, answers and MongoDB's load became as before, and keep the figures."""
    found = warmed(evidence, measured)
    evidence.write_json(SUMMARY, {name: asdict(each) for name, each in found.items()})
    yield told("Redis's misses were", found["misses"], lambda value: f"{value:.0%}")
    yield told("Answers of the API were", found["answers_ms"], lambda value: f"{value:.3g} ms")
    yield told("MongoDB's load was", found["mongodb_cpu"], lambda value: f"{value:.2f} CPUs")


def told(what: str, found: Warmed, show: Callable[[float], str]) -> str:
    """Return a sentence: when it was as usual again, and how it was meanwhile."""
    usual = f"as usual ({show(found.usual)} in the median)"
    if found.p99 is None or found.highest is None:
        return f"{what} not seen after users were served again."
    meanwhile = f"p99 {show(found.p99)} and at most {show(found.highest)}"
    if found.normal_after_s is None:
        return f"{what} not {usual} again while it was looked at: {meanwhile}."
    return (
        f"{what} {usual} {found.normal_after_s:.1f} s after users were served again: {meanwhile} meanwhile."
    )


def warmed(evidence: Evidence, measured: Measured) -> dict[str, Warmed]:
    """Return misses, answers in ms and the database's CPU seconds a second, as the evidence has them."""
    samples = json.loads((evidence / FILE).read_text())["samples"]
    looks = [json.loads(line) for line in (evidence / "probe.jsonl").read_text().splitlines()]
    assert measured.began is not None
    assert measured.ended is not None
    began, ended, last = measured.began, measured.ended, max(each["at"] for each in samples)
    answers = [(each["began"], (each["ended"] - each["began"]) * 1000) for each in looks if not each["error"]]
    asked = [each for each in answers if each[0] < began], [each for each in answers if each[0] >= ended]
    return {
        "misses": until(rates(samples, 0, began), rates(samples, ended, last), 0.05, ended),
        "answers_ms": until(*asked, 5.0, ended),
        "mongodb_cpu": until(load(samples, 0, began), load(samples, ended, last), 0.05, ended),
    }


def until(
    before: Sequence[tuple[float, float]], after: Sequence[tuple[float, float]], slack: float, ended: float
) -> Warmed:
    """Return how a figure went from the moment `ended` until it was as in the median before."""
    usual = median(value for _, value in before) if before else 0.0
    at = normal_after(after, usual, slack)
    values = sorted(value for moment, value in after if at is None or moment <= at)
    return Warmed(
        usual=round(usual, 4),
        first=round(after[0][1], 4) if after else None,
        highest=round(values[-1], 4) if values else None,
        p99=round(values[min(len(values) - 1, int(len(values) * 0.99))], 4) if values else None,
        normal_after_s=None if at is None else round(at - ended, 2),
    )
