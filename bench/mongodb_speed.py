"""How fast MongoDB is captured, dumped, merged and loaded, beside the driver's own limit and cp.

    python bench/mongodb_speed.py [--only lag,standin,client] [--sizes 25000,...] [--documents 1000000]

lag: seconds from a write to its being on disk in the log, at a steady rate and as fast as the server goes.
standin: a base (dump), merge (a mongodump folder written) and restore of documents of about 500 bytes; the
server is the stand-in and its speed, not ours, is what decides (SIMULATED). client: a restore into a server
that acknowledges everything and keeps nothing, beside raw BSON inserts by the same driver from memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.pitr.merge import split
from agent.pitr.settings import Settings
from agent.pitr.store import Store
from bench.measure import held_below
from bench.mongodb_made import documents, made
from bench.null_mongo import NullMongo
from tests.mongo_standin import MongoServer
from tests.pitr.capturing import until

ROOT = Path(__file__).resolve().parent.parent
BATCH = 2_000
_pause = threading.Event()


@contextmanager
def server(folder: Path) -> Iterator[MongoServer]:
    """Run a stand-in."""
    one = MongoServer(folder)
    one.start("--oplog-max-entries", "2000000")
    try:
        yield one
    finally:
        one.kill()


def _capture(told: dict[str, Any]) -> None:
    import signal

    from agent.pitr.capture import Capture

    work = Capture(Settings(**told), lambda _line: None)
    signal.signal(signal.SIGTERM, lambda *_: work.stop.set())
    work.run()


@contextmanager
def capture(one: MongoServer, store: Path, beat: float) -> Iterator[Store]:
    """Run a capture in a process of its own; ten beats a second measure it more often than one would."""
    told = asdict(Settings(uri=one.uri, store=str(store), beat_every=beat, base_every=0))
    process = get_context("spawn").Process(target=_capture, args=(told,))
    process.start()
    try:
        until(lambda: Store(store).status().captured_up_to)
        yield Store(store)
    finally:
        process.terminate()
        process.join(30)


def lag(folder: Path, seconds: float) -> None:
    """Measure the lag at 200 writes a second, and at the server's limit."""
    for name, rate in (("200 writes/s", 200.0), ("the server's limit", 0.0)):
        home = folder / name.replace("/", "-")
        home.mkdir()
        with server(home / "data") as one, capture(one, home / "store", 0.1) as store:
            count, spent = _write(one, rate, seconds)
            found = store.status().lag
            told_lag = f"median {found.median:.2f} s, p99 {found.p99:.2f} s, worst {found.worst:.2f} s"
            print(
                f"lag at {name}, {count / spent:.0f}/s for {spent:.0f} s: {told_lag} ({found.samples} beats)"
            )


def _write(one: MongoServer, rate: float, seconds: float) -> tuple[int, float]:
    begun, n = time.monotonic(), 0
    each_time = 4 if rate else 100
    feed = documents(10_000_000)
    with one.client() as client:
        while (now := time.monotonic() - begun) < seconds:
            client.chat.messages.insert_many([RawBSONDocument(next(feed)) for _ in range(each_time)])
            n += each_time
            if rate and n / rate > now:
                _pause.wait(n / rate - now)
    return n, time.monotonic() - begun


def program(verb: str, spec: dict[str, Any], into: str = "") -> tuple[dict[str, Any], float, float, float]:
    """Run `python -m agent.pitr VERB`; return its answer, seconds, CPU seconds, and the most mebibytes."""
    env = {**os.environ, "DRILLYARD_MONGODB_URI": spec.pop("uri", ""), "DRILLYARD_MONGODB_INTO": into}
    begun = time.perf_counter()
    argv = ["sh", "-c", f"{sys.executable} -m agent.pitr {verb}; exit $?"]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, cwd=ROOT)
    peak = [0.0]
    watch = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watch.start()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(spec).encode())
    process.stdin.close()
    said = process.stdout.read()
    _, code, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    process.returncode = code
    watch.join()
    if code:
        raise SystemExit(f"{verb}: {said.decode()}")
    return json.loads(said), wall, used.ru_utime + used.ru_stime, peak[0]


def _watch(process: subprocess.Popen[bytes], peak: list[float]) -> None:
    while process.returncode is None:
        peak[0] = max(peak[0], held_below(process.pid))
        _pause.wait(0.05)


def row(name: str, count: int, size: float, seconds: float, cpu: float = 0.0, mb: float = 0.0) -> None:
    """Print a row."""
    more = f", CPU {cpu:.1f} s" if cpu else ""
    more += f", peak {mb:.0f} MiB" if mb else ""
    print(
        f"{name:<34} {seconds:7.2f} s  {count / seconds:9.0f} docs/s  {size / seconds / 1e6:7.1f} MB/s{more}"
    )


def standin(folder: Path, count: int) -> None:
    """Dump, merge and load on the stand-in."""
    folder.mkdir()
    print(f"-- {count} documents on the stand-in")
    with server(folder / "data") as one, server(folder / "spare") as spare:
        content = list(documents(count))
        size = sum(map(len, content))
        row("raw insert, one client", count, size, _timed(lambda: insert(one.uri, content)))
        with capture(one, folder / "store", 1.0) as store:
            spec = {"store": str(store.path)}
            row("dump (a base)", count, size, *program("base", {**spec, "uri": one.uri})[1:])
            with one.client() as client:
                for n in range(0, count, -(-count // 500)):
                    client.chat.messages.update_one({"_id": n}, {"$set": {"text": "edited " * 40}})
            program("catch-up", {**spec, "uri": one.uri, "within": 120})
        dump = {**spec, "folder": str(folder / "dump")}
        row("merge into a mongodump folder", count, size, *program("export", dump)[1:])
        row("cp of that folder, synced", count, size, copied(folder / "dump"))
        row("restore (merge and load)", count, size, *program("restore", dict(spec), spare.uri)[1:])


def copied(path: Path) -> float:
    """Return the seconds that a copy takes which is on disk."""
    return _timed(lambda: subprocess.run(["sh", "-c", f"cp -r {path} {path}.copy && sync"], check=True))


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def insert(uri: str, content: list[bytes]) -> None:
    """Insert documents as the driver does it by itself."""
    with MongoClient(uri) as client:
        for start in range(0, len(content), BATCH):
            batch = [RawBSONDocument(each) for each in content[start : start + BATCH]]
            client.chat.messages.insert_many(batch, ordered=False, bypass_document_validation=True)


def _raw(uri: str, file: Path, share: tuple[int, int], ready: Any, spans: Any) -> None:
    part, parts = share
    content = split(file.read_bytes())[part::parts]
    with MongoClient(uri) as client:
        client.admin.command("ping")
        ready.wait()
        begun, used = time.perf_counter(), time.process_time()
        for start in range(0, len(content), BATCH):
            batch = [RawBSONDocument(each) for each in content[start : start + BATCH]]
            client.chat.messages.insert_many(batch, ordered=False, bypass_document_validation=True)
        spans.put((begun, time.perf_counter(), time.process_time() - used))


def raw_limit(uri: str, file: Path, hands: int) -> tuple[float, float]:
    """Return seconds and CPU seconds of raw inserts of what a file holds, from memory, a process a core."""
    context = get_context("fork")
    ready, spans = context.Barrier(hands), context.Queue()
    crew = [context.Process(target=_raw, args=(uri, file, (n, hands), ready, spans)) for n in range(hands)]
    for each in crew:
        each.start()
    found = [spans.get(timeout=600) for _ in crew]
    for each in crew:
        each.join()
    begins, ends, used = zip(*found, strict=True)
    return max(ends) - min(begins), sum(used)


def client(folder: Path, count: int, rounds: int) -> None:
    """Restore into a server that only acknowledges, at several sizes; project to 100 GB."""
    hands = len(os.sched_getaffinity(0))
    points: list[tuple[float, float, float]] = []
    for size in (count // 4, count // 2, count):
        store = made(folder / str(size), size, size // 5)
        print(f"-- {size} documents and {size // 5} changes, {hands} processes, into nothing")
        spec = {"store": str(store.path)}
        said, wall, cpu, mb = program("export", {**spec, "folder": str(folder / f"dump{size}")})
        heft, docs = said["bytes"], said["documents"]
        row("merge into a mongodump folder", docs, heft, wall, cpu, mb)
        file = folder / f"dump{size}/chat/messages.bson"
        row("cp of its file, synced", docs, heft, copied(file))
        with NullMongo() as nothing:
            raws, loads = [], []
            for _ in range(rounds):
                raws.append(raw_limit(nothing.uri, file, hands))
                load = {**spec, "folder": str(folder / f"dump{size}")}
                loads.append(program("load", load, nothing.uri)[1:])
                _, wall, cpu, mb = program("restore", dict(spec), nothing.uri)
                points.append((heft / 1e9, wall, cpu / hands))
                row("restore (merge and load)", docs, heft, wall, cpu, mb)
            (raw, used), (wall, cpu, mb) = min(raws), min(loads)
            row("load of the folder, best", docs, heft, wall, cpu, mb)
            row("raw insert limit, best", docs, heft, raw, used)
            print(f"load against the raw limit: {raw / wall:.2f} by the clock, {used / cpu:.2f} by CPU")
    sizes, walls, cpus = (list(each) for each in zip(*points, strict=True))
    project("by the clock", sizes, walls)
    project(f"by CPU, {hands} cores wholly ours", sizes, cpus)


def project(how: str, sizes: list[float], spent: list[float]) -> None:
    """Print what 100 GB would take by a straight line through these points, and how far off that may be."""
    slope, start = statistics.linear_regression(sizes, spent)
    off = [each - (start + slope * size) for size, each in zip(sizes, spent, strict=True)]
    spread = sum((size - statistics.fmean(sizes)) ** 2 for size in sizes)
    error = (sum(each * each for each in off) / (len(off) - 2) / spread) ** 0.5
    print(
        f"{how}: {start:.1f} s and {slope:.1f} s a GB: 100 GB in {(start + 100 * slope) / 60:.0f} min "
        f"± {2 * 100 * error / 60:.0f} min (twice the slope's standard error), where the server takes it"
    )


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="lag,standin,client")
    parser.add_argument("--sizes", default="25000,50000,100000")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=40)
    chosen = parser.parse_args()
    with TemporaryDirectory(prefix="drillyard-speed-") as home:
        if "lag" in chosen.only:
            lag(Path(home), chosen.seconds)
        if "standin" in chosen.only:
            for each in chosen.sizes.split(","):
                standin(Path(home) / each, int(each))
        if "client" in chosen.only:
            client(Path(home), chosen.documents, chosen.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
