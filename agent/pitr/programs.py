"""What `python -m agent.pitr VERB` does, a function a verb: from a spec to an answer of `model.py`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.errors import Refused, Usage
from agent.pitr import instant
from agent.pitr.index_programs import INDEX_PROGRAMS
from agent.pitr.model import (
    Admitted,
    Based,
    CaptureStatus,
    Damage,
    Exported,
    Loaded,
    Moment,
    Proof,
    Record,
    Replayed,
    Restored,
    RestorePoints,
    Status,
    Written,
)
from agent.pitr.store import Store, live_status


@dataclass(frozen=True)
class Spec:
    """What a program is told. `uri` and `into` are connection strings and never come in an argv."""

    store: str
    host: str = ""
    uri: str = ""
    into: str = ""
    at: str = "latest"
    replace: tuple[str, ...] = ()
    attempt: str = ""
    workers: int = 0
    depth: str = "whole"
    folder: str = ""
    damage: Damage | None = None
    only_new: bool = False
    since: str = ""
    until: str = ""
    at_least: int = 100
    before: str = ""
    within: float = 30.0
    timeline: str = ""
    address: str = ""
    indexes: str = ""
    make: bool = True


def capture_status(spec: Spec) -> CaptureStatus:
    """Say how the capture is."""
    return live_status(Store(spec.store), time.time())


def catch_up(spec: Spec) -> CaptureStatus:
    """Wait until the capture has all that the living server had acknowledged; a dead one has no more to tell.

    Raises:
        Refused: the server lives, and nothing captures it.
        NotInTime: it did not come so far.
    """
    from agent.errors import NotInTime, Unreachable
    from agent.pitr.server import connect, now_of, words

    client = connect(spec.uri, 3, socketTimeoutMS=5_000)
    try:
        with words("The server"):
            wanted = now_of(client)
    except Unreachable:
        return capture_status(spec)
    finally:
        client.close()
    quiet, limit = threading.Event(), time.monotonic() + spec.within
    while True:
        said = capture_status(spec)
        if said.captured_up_to and instant.read(said.captured_up_to) >= wanted:
            return said
        if not said.running:
            raise Refused(
                f"Expected a running capture, found it {said.state} at {said.captured_up_to or 'nothing'}; "
                f"the server stands at {instant.show(wanted)}.",
                do="Start it: drillyard capture.",
            )
        if time.monotonic() > limit:
            raise NotInTime(
                f"Waited {spec.within:g} s until the capture reaches {instant.show(wanted)}; it stands at "
                f"{said.captured_up_to or 'nothing'}: {said.error or 'no error was told'}."
            )
        quiet.wait(0.1)


def base(spec: Spec) -> Based:
    """Take a base beside the running capture."""
    from agent.pitr.base import take

    taken = take(spec.uri, Store(spec.store))
    return Based(
        id=taken.id,
        timeline=taken.timeline,
        started_at=taken.start,
        usable_from=taken.end,
        documents={heap.namespace: heap.documents for heap in taken.heaps},
        bytes=sum(heap.bytes for heap in taken.heaps),
        stored=sum(heap.stored for heap in taken.heaps),
        seconds=taken.seconds,
    )


def moment(spec: Spec) -> Moment:
    """Name the last moment strictly below another."""
    bad = instant.read(spec.before)
    last = instant.below(bad)
    return Moment(instant.show(last), instant.utc(last), f"the last moment below {instant.show(bad)}")


def status(spec: Spec) -> Status:
    """Ask a server how it is."""
    from agent.pitr.look import look

    return look(spec.into or spec.uri)


def points(spec: Spec) -> RestorePoints:
    """List what can be restored."""
    from agent.pitr.reach import restore_points

    return restore_points(Store(spec.store))


def search(spec: Spec) -> Damage:
    """Search the captured changes for damage."""
    from agent.pitr.damage import find_damage

    return find_damage(Store(spec.store), spec.since, spec.until, spec.at_least)


def restore(spec: Spec) -> Restored:
    """Restore to a moment into a server of its own."""
    from agent.pitr import restore as room

    store, told = Store(spec.store), (spec.attempt, spec.workers)
    return room.restore(store, spec.at, spec.into, spec.replace, *told)


def record(spec: Spec) -> Record:
    """Read what a server notes of the restore into it, and whether its source was written to lately."""
    from bson import Timestamp

    from agent.pitr.target import mark_of, target
    from agent.pitr.written import last_write

    with target(spec.into) as client:
        mark = mark_of(client)
    if mark is None or not mark.done:
        return Record()
    now = time.time()
    last = last_write(Store(spec.store), Timestamp(max(0, int(now - spec.within)), 0))
    written = -1.0 if last is None else max(0.0, round(now - last.time, 1))
    return Record(mark.at, mark.timeline, round(now - mark.finished, 1), written)


def written(spec: Spec) -> Written:
    """Ask the server at `address`, as the user of `uri`, whether somebody wrote to it lately."""
    from agent.pitr.address import moved
    from agent.pitr.written import newest_write

    return Written(newest_write(moved(spec.uri, spec.address), spec.within))


def admit(spec: Spec) -> Admitted:
    """See that the application's user can log in at the restored server; `uri` is the application's."""
    from agent.pitr import access

    return access.admit(Store(spec.store), spec.at, spec.into, spec.uri, make=spec.make)


def prove(spec: Spec) -> Proof:
    """Prove what was restored."""
    from agent.pitr import prove as room

    if spec.depth not in ("whole", "edges"):
        raise Usage(f"Expected the depth whole or edges, found {spec.depth!r}.")
    whole = spec.depth == "whole"
    return room.prove(Store(spec.store), spec.at, spec.into, whole=whole, workers=spec.workers)


def replay(spec: Spec) -> Replayed:
    """Bring later writes to a restored server."""
    from agent.pitr import replay as room

    known = (spec.damage, spec.workers)
    return room.replay(Store(spec.store), spec.at, spec.into, *known, only_new=spec.only_new)


def export(spec: Spec) -> Exported:
    """Write the state at a moment as a mongodump folder."""
    from agent.pitr import dump

    return dump.export(Store(spec.store), spec.at, spec.folder, spec.workers)


def load(spec: Spec) -> Loaded:
    """Load a mongodump folder."""
    from agent.pitr import dump

    store, told = Store(spec.store), (spec.attempt, spec.workers)
    return dump.load(store, spec.folder, spec.into, spec.replace, *told)


PROGRAMS: Mapping[str, Callable[[Spec], Any]] = {
    "status": status,
    "capture-status": capture_status,
    "catch-up": catch_up,
    "base": base,
    "moment": moment,
    "restore-points": points,
    "find-damage": search,
    "restore": restore,
    "record": record,
    "written": written,
    "admit": admit,
    "prove": prove,
    "replay": replay,
    "export": export,
    "load": load,
    **INDEX_PROGRAMS,
}
