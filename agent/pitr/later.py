"""What was written after a moment, document by document, told apart from the damage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import bson
from bson import Timestamp
from bson.json_util import dumps

from agent.pitr import instant
from agent.pitr.damage import Kind, kind_of, same_of
from agent.pitr.edges import of_data, place_of
from agent.pitr.elements import document
from agent.pitr.fold import ALTER, PUT, REMOVE
from agent.pitr.fold import Change as Write
from agent.pitr.log import CATALOG, Change
from agent.pitr.model import Conflict, Damage
from agent.pitr.server import NOT_DATA
from agent.pitr.sums import Place

_KINDS = {"insert": PUT, "replace": PUT, "update": ALTER, "delete": REMOVE}
_SHOWN, _WIDE = 3, 160


class Bad:
    """Which changes are the damage: of the kinds and between the moments that were found and chosen."""

    def __init__(self, damage: Damage | None) -> None:
        """None at all where nothing is chosen."""
        self._spans: dict[Kind, list[tuple[Timestamp, Timestamp, str]]] = defaultdict(list)
        for each in damage.candidates if damage is not None else ():
            if damage is not None and each.id in damage.chosen:
                kind = (each.kind, each.namespace, tuple(each.fields))
                self._spans[kind].append((instant.read(each.first), instant.read(each.last), each.same))

    def has(self, change: Change) -> bool:
        """Return whether a change is part of it."""
        if change.kind not in _KINDS:
            kind: Kind = (change.kind, f"{change.db}.{change.name}".rstrip("."), ())
        else:
            kind = kind_of(change)
        return any(
            first <= change.at <= last and same in ("", same_of(change))
            for first, last, same in self._spans.get(kind, ())
        )


@dataclass
class Later:
    """The writes to one document, in their order; the first of the damage stands before `spoilt`."""

    writes: list[Write] = field(default_factory=list)
    last: Timestamp = field(default_factory=lambda: Timestamp(0, 0))
    spoilt: int | None = None
    since: int = 0

    def add(self, at: Timestamp, write: Write, *, bad: bool) -> None:
        """Take a write."""
        self.last = at
        if bad:
            self.spoilt = len(self.writes) if self.spoilt is None else self.spoilt
            return
        if self.spoilt is not None:
            self.since += 1
        self.writes.append(write)


@dataclass
class Gathered:
    """A part of all that was written, and what definitions changed."""

    documents: dict[Place, Later] = field(default_factory=dict)
    defined: list[Change] = field(default_factory=list)
    events: int = 0


def gather(log: Iterable[Change], bad: Bad, part: int, parts: int) -> Gathered:
    """Return what was written to every document of one part of all."""
    found = Gathered()
    for change in log:
        if change.kind == CATALOG:
            continue
        if not of_data(change):
            foreign = change.db in NOT_DATA or change.name.startswith("system.")
            if not foreign and not bad.has(change):
                found.defined.append(change)
            continue
        found.events += 1
        place = place_of(change)
        if parts > 1 and crc32(place[1]) % parts != part:
            continue
        kind = _KINDS[change.kind]
        later = found.documents.setdefault(place, Later())
        later.add(change.at, (kind, _payload(kind, change)), bad=bad.has(change))
    return found


def _payload(kind: int, change: Change) -> bytes:
    if kind == REMOVE:
        return b""
    return bytes(change.event["fullDocument" if kind == PUT else "updateDescription"].raw)


def conflict(place: Place, why: str, writes: Iterable[Write]) -> Conflict:
    """Return a conflict as a person reads it."""
    key = bson.decode(document([place[1]]))["_id"]
    told = [_told(kind, payload) for kind, payload in writes]
    more = [f"and {len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
    return Conflict(place[0], dumps(key), why, (*told[:_SHOWN], *more))


def _told(kind: int, payload: bytes) -> str:
    if kind == REMOVE:
        return "delete"
    said: dict[str, Any] = bson.decode(payload)
    if kind == PUT:
        return f"write {dumps(said)}"[:_WIDE]
    removed = "".join(f", without {name}" for name in said.get("removedFields", ()))
    return f"set {dumps(said.get('updatedFields', {}))}{removed}"[:_WIDE]
