"""The documents written just before and after a moment: where a restore that is a little off shows."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from agent.pitr.elements import document, id_of
from agent.pitr.instant import below
from agent.pitr.log import Change, read, span
from agent.pitr.reach import Way
from agent.pitr.server import NOT_DATA, RAW, Client
from agent.pitr.sums import Place

KEPT = 500
_DATA = frozenset({"insert", "update", "replace", "delete"})
_ASKED = 100


@dataclass(frozen=True)
class Edges:
    """Places of documents: the last ones written at or before a moment, the first ones written after it."""

    before: tuple[Place, ...]
    after: tuple[Place, ...]

    @property
    def wanted(self) -> dict[str, frozenset[bytes]]:
        """Elements `_id` by namespace."""
        found: dict[str, set[bytes]] = {}
        for namespace, key in (*self.before, *self.after):
            found.setdefault(namespace, set()).add(key)
        return {namespace: frozenset(keys) for namespace, keys in found.items()}


def edges_of(way: Way) -> Edges:
    """Return the edges of a way's moment, up to `KEPT` a side."""
    before: deque[Place] = deque(maxlen=KEPT)
    after: list[Place] = []
    start = _start(way)
    for change in read(span(way.timeline, start, None), start):
        if not of_data(change):
            continue
        if change.at <= way.at:
            before.append(place_of(change))
        else:
            after.append(place_of(change))
            if len(after) == KEPT:
                break
    return Edges(tuple(dict.fromkeys(before)), tuple(dict.fromkeys(after)))


def _start(way: Way) -> Timestamp:
    """Return a moment from which on the log holds enough changes, without reading all of it."""
    start, events = way.base.started(), 0
    for segment in reversed([each for each in way.span.segments if each.first <= way.at]):
        events += segment.sealed().events
        if events > 4 * KEPT:
            return max(start, below(segment.first))
    return start


def of_data(change: Change) -> bool:
    """Return whether a change is one of somebody's document."""
    return change.kind in _DATA and change.db not in NOT_DATA and not change.name.startswith("system.")


def place_of(change: Change) -> Place:
    """Return which document a change is of."""
    return f"{change.db}.{change.name}", id_of(bytes(change.event["documentKey"].raw))


def found_at(
    client: Client, wanted: Mapping[str, Collection[bytes]], session: Any = None
) -> dict[Place, bytes]:
    """Return the documents that a server has at these places."""
    found: dict[Place, bytes] = {}
    for namespace, keys in wanted.items():
        db, _, name = namespace.partition(".")
        database: Any = client[db]
        there = database.get_collection(name, codec_options=RAW)
        for some in _some(sorted(keys)):
            ids = [RawBSONDocument(document([key]))["_id"] for key in some]
            for each in there.find({"_id": {"$in": ids}}, session=session):
                found[namespace, id_of(bytes(each.raw))] = bytes(each.raw)
    return found


def _some(keys: list[bytes]) -> Iterable[list[bytes]]:
    for start in range(0, len(keys), _ASKED):
        yield keys[start : start + _ASKED]
