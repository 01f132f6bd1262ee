"""Random moments of one captured history, each restored for real and compared with what was written.

    python bench/mongodb_moments.py [--moments 200] [--blows 24] [--seed 1]

Writers note every state of their documents. Meanwhile the capture, a process of its own, is killed and ended,
its connection is cut and its server killed, at random. Every write must be one event of the log, or the hole
be reported. Then each moment is restored into an empty server: all documents as they were then and no others,
and `prove` must say the same. The server is the stand-in (SIMULATED).
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bson import Timestamp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from agent.errors import DrillyardError
from agent.pitr import instant
from agent.pitr.prove import prove
from agent.pitr.reach import restore_points
from agent.pitr.restore import restore
from bench.relay import Relay
from tests.mongo_standin import MongoServer
from tests.pitr.blows import Blows, events_of
from tests.pitr.captured_host import CapturedHost
from tests.pitr.capturing import until
from tests.pitr.workload import Key, Truth, Writer, state_of

WRITERS = 2
_pause = threading.Event()


@contextmanager
def servers(folder: Path) -> Iterator[tuple[MongoServer, MongoServer]]:
    """Run a server and its spare."""
    pair = MongoServer(folder / "data"), MongoServer(folder / "spare")
    try:
        for each in pair:
            each.start()
        yield pair
    finally:
        for each in pair:
            each.kill()


def captured(host: CapturedHost, server: MongoServer, relay: Relay, blows: int, r: Random) -> Truth:
    """Write and strike; return what was written once all of it is captured."""
    truth, struck = Truth(), Counter[str]()
    writers = [Writer(server, truth, n) for n in range(1, WRITERS + 1)]
    host.start()
    host.based()
    kinds = Blows(host, relay, server).kinds
    for each in writers:
        each.start()
    for n in range(blows):
        _pause.wait(r.uniform(0.2, 2.5))
        name = [*kinds][n % len(kinds)]
        struck[name] += 1
        kinds[name]()
    wanted = truth.writes + 200
    until(lambda: truth.writes >= wanted, 120)
    for each in writers:
        each.stop()
    host.caught_up()
    told = ", ".join(f"{n} x {each}" for each, n in struck.items())
    print(f"{truth.writes} writes under {blows} blows: {told}")
    return truth


def exact(host: CapturedHost, spare: MongoServer, at: Timestamp, wanted: dict[Key, bytes]) -> str:
    """Restore a moment and compare; return what is wrong, or nothing."""
    moment = instant.show(at)
    try:
        restore(host.store, moment, spare.uri, ("shop",), "", 1)
        found = state_of(spare)
        proof = prove(host.store, moment, spare.uri, workers=1)
    except DrillyardError as error:
        return str(error)
    missing, extra = len(wanted.keys() - found.keys()), len(found.keys() - wanted.keys())
    other = sum(found[key] != each for key, each in wanted.items() if key in found)
    if missing or extra or other:
        return f"{missing} documents missing, {extra} too many, {other} another"
    return "" if proof.whole and proof.documents == len(wanted) else "the proof saw other documents"


def moments(log: dict[Key, list[Timestamp]], since: Timestamp, wanted: int, r: Random) -> list[Timestamp]:
    """Return random moments: every other one that of an event, the others just below one."""
    events = sorted({at for each in log.values() for at in each if at > since})
    chosen = r.sample(events, wanted) if wanted <= len(events) else r.choices(events, k=wanted)
    return [at if n % 2 else instant.below(at) for n, at in enumerate(chosen)]


def run(folder: Path, wanted: int, blows: int, seed: int) -> bool:
    """Make the history, restore the moments; return whether all is as it must be."""
    r = Random(seed)
    with servers(folder) as (server, spare), Relay(("127.0.0.1", server.port)) as relay:
        host = CapturedHost(folder, server, spare, f"mongodb://127.0.0.1:{relay.port}/?directConnection=true")
        try:
            truth = captured(host, server, relay, blows, r)
        finally:
            host.close()
        log, twice = events_of(host.store)
        holes = truth.amiss(log, Timestamp(0xFFFFFFFF, 0))
        gaps = host.status.gaps
        print(f"{len(holes)} holes, {twice} events twice, {len(gaps)} gaps reported")
        since = instant.read(restore_points(host.store).stretches[-1].since)
        good, begun = 0, time.monotonic()
        for at in moments(log, since, wanted, r):
            problem = exact(host, spare, at, truth.at(at, log))
            good += not problem
            if problem:
                print(f"{instant.show(at)}: {problem}")
        spent = time.monotonic() - begun
    print(
        f"{good}/{wanted} moments exact on both sides, {spent / wanted:.2f} s each (restore, compare, prove)"
    )
    return good == wanted and not twice and (not holes or bool(gaps))


def main() -> int:
    """Run it; 0 where every moment was exact and no hole went unreported."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--blows", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with TemporaryDirectory(prefix="drillyard-moments-") as home:
        return 0 if run(Path(home), chosen.moments, chosen.blows, chosen.seed) else 1


if __name__ == "__main__":
    sys.exit(main())
