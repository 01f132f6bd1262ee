"""Captured histories made by hand: events as a server sends them, sealed into a store without any server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from agent.pitr import instant
from agent.pitr.manifest import Manifest
from agent.pitr.recorder import Recorder
from agent.pitr.store import Store, Timeline

Doc = dict[str, Any]


def event(at: tuple[int, int], kind: str, key: Any = 1, ns: str = "shop.a", **more: Any) -> RawBSONDocument:
    """Return an event; `key` is the document's _id."""
    db, _, coll = ns.partition(".")
    said: Doc = {
        "_id": {"_data": f"{at[0]:08x}{at[1]:08x}{key}"},
        "operationType": kind,
        "clusterTime": Timestamp(*at),
        "ns": {"db": db, "coll": coll} if coll else {"db": db},
    }
    if kind in ("insert", "update", "replace", "delete"):
        said["documentKey"] = {"_id": key}
    return RawBSONDocument(bson.encode({**said, **more}))


def insert(at: tuple[int, int], key: Any, ns: str = "shop.a", **fields: Any) -> RawBSONDocument:
    """Return the event of an insert."""
    return event(at, "insert", key, ns, fullDocument={"_id": key, **fields})


def update(at: tuple[int, int], key: Any, ns: str = "shop.a", **fields: Any) -> RawBSONDocument:
    """Return the event of an update that sets fields."""
    return event(at, "update", key, ns, updateDescription={"updatedFields": fields, "removedFields": []})


def delete(at: tuple[int, int], key: Any, ns: str = "shop.a") -> RawBSONDocument:
    """Return the event of a delete."""
    return event(at, "delete", key, ns)


def sealed(timeline: Timeline, *segments: list[RawBSONDocument]) -> Timeline:
    """Append segments of these events to a timeline; every one is complete to its last event."""
    recorder = Recorder(timeline)
    for events in segments:
        for each in events:
            recorder.add(each)
        recorder.settle({"_data": "x"})
        recorder.seal()
    return timeline


def counted(folder: Path, segments: int = 4, each: int = 10, what: str = "v") -> Timeline:
    """Return a timeline of inserts: second 100 + n has document n."""
    timeline = Store(folder).begin("server", "a test")
    numbers = range(segments * each)
    events = [insert((100 + n, 1), n, **{what: n}) for n in numbers]
    return sealed(timeline, *(events[n : n + each] for n in range(0, len(events), each)))


def empty_base(timeline: Timeline, start: tuple[int, int], end: tuple[int, int]) -> Manifest:
    """Give a timeline the base of an empty server."""
    folder = timeline.base / f"b{end[0]}"
    folder.mkdir(parents=True)
    first, last = Timestamp(*start), Timestamp(*end)
    manifest = Manifest(
        id=folder.name,
        timeline=timeline.id,
        start=instant.show(first),
        end=instant.show(last),
        taken_at=instant.utc(last),
        seconds=0.1,
        server="8.0",
        heaps=(),
        catalog=[],
        folder=str(folder),
    )
    manifest.write(folder)
    return manifest
