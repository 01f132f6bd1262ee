"""Which deletes are those of a TTL index: of documents that were due, so that a sweep is no wrong query.

A delete names its document and says nothing of it. So the log is read backwards until it is known of each
what its date was, and what is left is looked up in the base.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import bson
from bson import Timestamp

from agent.errors import BackupDamaged
from agent.pitr import instant
from agent.pitr.elements import element, fields, id_of, inner, text
from agent.pitr.lives import Lives
from agent.pitr.log import CATALOG, Change, Span, definitions, prove, read, span
from agent.pitr.manifest import Manifest
from agent.pitr.merge import Piece, split
from agent.pitr.passing import Rule, dated, rules_of_life
from agent.pitr.reach import stretches
from agent.pitr.store import Timeline

Place: TypeAlias = "tuple[str, bytes]"
"""Namespace and element `_id`."""

# A server removes what is due at a whole second of its own, and writes down the time a little later.
_SLACK = 1.0
_BEGINNING = Timestamp(0, 0)


@dataclass
class Due:
    """The deletes of documents that were due; `counts` are theirs by namespace, with the index's field."""

    deletes: set[tuple[Timestamp, Place]] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def has(self, change: Change) -> bool:
        """Return whether a change is one of them."""
        return change.kind == "delete" and (change.at, _place(change)) in self.deletes


@dataclass
class _Force:
    """When a rule was in force: each time from a moment to another, both inclusive; None = it still is."""

    times: list[tuple[Timestamp, Timestamp | None]] = field(default_factory=list)

    def holds(self, at: Timestamp) -> bool:
        """Return whether it was at that moment."""
        return any(since <= at and (until is None or at <= until) for since, until in self.times)

    @property
    def now(self) -> bool:
        """Whether it still is."""
        return bool(self.times) and self.times[-1][1] is None


_Rules: TypeAlias = "dict[str, dict[Rule, _Force]]"


@dataclass(frozen=True)
class _Delete:
    at: Timestamp
    wall: float


def due_deletes(timeline: Timeline, start: Timestamp, end: Timestamp, of: Collection[str]) -> Due:
    """Return which deletes in the collections `of`, after `start` and until `end`, were of what was due.

    A TTL index excuses them while it was there: as the base before `start` has it, and from each change of
    definition that was captured since.

    Raises:
        BackupDamaged: a segment or the base is missing or damaged.
    """
    base = _base(timeline, start)
    rules = _rules(timeline, base, start, end, of)
    due = Due()
    if rules:
        search = _Search(rules, due, start)
        for some in _backwards(timeline, min(base.started(), start) if base else start, end):
            search.read(list(some))
            if search.over(some.begins):
                break
        search.look_up(base)
    return due


def _base(timeline: Timeline, start: Timestamp) -> Manifest | None:
    """Return the newest base before a moment with no hole in the log between; else the first one after it."""
    found, _ = stretches(timeline)
    whole = next((each for each in found if each.run.end >= start), None)
    bases = sorted(whole.bases, key=lambda base: base.ended()) if whole else []
    return next((base for base in reversed(bases) if base.ended() <= start), bases[0] if bases else None)


def _rules(
    timeline: Timeline, base: Manifest | None, start: Timestamp, end: Timestamp, of: Collection[str]
) -> _Rules:
    """Return the TTL indexes that collections had at any time, with when, as base and log tell them."""
    lives = Lives(base.entries() if base else ())
    rules: _Rules = defaultdict(lambda: defaultdict(_Force))
    _note(rules, lives, of, _BEGINNING)
    begun = base.started() if base else start
    for change in _definitions(timeline, min(begun, start), start, end):
        if change.kind == CATALOG:
            lives.learn(change)
        else:
            if change.at < begun:
                _begin_anew(rules, change)
            lives.heed(change)
        _note(rules, lives, of, change.at)
    return {namespace: dict(found) for namespace, found in rules.items() if found}


def _definitions(timeline: Timeline, begun: Timestamp, start: Timestamp, end: Timestamp) -> Iterable[Change]:
    """Return the changes of definition since a base; since `start` where what lies between is damaged."""
    try:
        return list(definitions(timeline, begun, end))
    except BackupDamaged:
        if begun == start:
            raise
        return list(definitions(timeline, start, end))


def _begin_anew(rules: _Rules, change: Change) -> None:
    """Have rules that a later base told of begin with the event that made them."""
    said: Any = bson.decode(change.event.raw).get("operationDescription") or {}
    made = {tuple(each["key"]) for each in said.get("indexes", ())} if change.kind == "createIndexes" else ()
    for rule, force in rules.get(f"{change.db}.{change.name}", {}).items():
        if (b".".join(rule.path).decode(),) in made and force.now:
            force.times[-1] = (change.at, None)


def _note(rules: _Rules, lives: Lives, of: Collection[str], at: Timestamp) -> None:
    """Note of each collection which rules are in force from that moment on, and which no longer."""
    here: dict[str, set[Rule]] = {namespace: set() for namespace in of}
    for life in lives.living:
        if life.namespace in here:
            here[life.namespace] |= set(rules_of_life(life))
    for namespace, found in here.items():
        for rule in found:
            if not rules[namespace][rule].now:
                rules[namespace][rule].times.append((at, None))
        for rule, force in rules[namespace].items():
            if rule not in found and force.now:
                force.times[-1] = (force.times[-1][0], at)


@dataclass(frozen=True)
class _Some:
    """A stretch of the log that begins behind the moment `begins`."""

    begins: Timestamp
    changes: Iterable[Change]

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)


def _backwards(timeline: Timeline, start: Timestamp, end: Timestamp) -> Iterator[_Some]:
    """Yield the stretches of the log between two moments, the newest first, each in its own order."""
    found = span(timeline, start, end)
    if found.open:
        last = found.segments[-1].last if found.segments else start
        yield _Some(last, (each for each in read(Span((), found.open), start) if each.at <= end))
    for segment in reversed(found.segments):
        one = Span((segment,), None)
        prove(one)
        begins = max(start, instant.below(segment.first))
        yield _Some(begins, (each for each in read(one, begins) if each.at <= end))


class _Search:
    """Deletes whose document's date is not known yet, and what the log says of it."""

    def __init__(self, rules: _Rules, due: Due, start: Timestamp) -> None:
        self._rules = rules
        self._due = due
        self._start = start
        self._open: dict[tuple[Place, Rule], list[_Delete]] = defaultdict(list)

    def over(self, begins: Timestamp) -> bool:
        """Return whether there is nothing left to be looked for before that moment."""
        return begins <= self._start and not self._open

    def read(self, some: Iterable[Change]) -> None:
        """Go through a stretch that lies before all that was read; what is open was deleted after it."""
        known: dict[tuple[Place, Rule], float | None] = {}
        new: dict[tuple[Place, Rule], list[_Delete]] = defaultdict(list)
        for change in some:
            rules = self._rules.get(f"{change.db}.{change.name}")
            if rules is None or change.kind not in ("insert", "replace", "update", "delete"):
                continue
            place = _place(change)
            for rule in rules:
                at = (place, rule)
                if change.kind == "delete":
                    if change.at > self._start:
                        this = _Delete(change.at, _wall(change))
                        if at in known:
                            self._judge(at, this, known[at])
                        else:
                            new[at].append(this)
                    known[at] = None
                elif change.kind == "update":
                    said = _altered(bytes(change.event["updateDescription"].raw), rule.path)
                    if said is not None:
                        known[at] = said[0]
                else:
                    known[at] = dated(fields(bytes(change.event["fullDocument"].raw)), rule.path)
        for at, date in known.items():
            for each in self._open.pop(at, ()):
                self._judge(at, each, date)
        for at, deletes in new.items():
            self._open[at] += deletes

    def look_up(self, base: Manifest | None) -> None:
        """Find in the base what the log does not tell; what is not there either was not due."""
        wanted = {namespace for (namespace, _), _ in self._open}
        for heap in base.heaps if base else ():
            if heap.namespace not in wanted:
                continue
            assert base is not None
            path = base.check(heap)
            for frame in heap.frames:
                for document in split(Piece(0, path, frame.at, frame.stored, frame.bytes).read()):
                    self._found((heap.namespace, id_of(document)), document)

    def _found(self, place: Place, document: bytes) -> None:
        for rule in self._rules[place[0]]:
            for each in self._open.pop((place, rule), ()):
                self._judge((place, rule), each, dated(fields(document), rule.path))

    def _judge(self, at: tuple[Place, Rule], delete: _Delete, date: float | None) -> None:
        place, rule = at
        if date is None or delete.wall + _SLACK < date + rule.seconds:
            return
        if not self._rules[place[0]][rule].holds(delete.at):
            return
        if (delete.at, place) not in self._due.deletes:
            self._due.deletes.add((delete.at, place))
            self._due.counts[f"{place[0]} ({b'.'.join(rule.path).decode('utf-8', 'replace')})"] += 1


def _place(change: Change) -> Place:
    return f"{change.db}.{change.name}", id_of(bytes(change.event["documentKey"].raw))


def _wall(change: Change) -> float:
    said: Any = change.event.get("wallTime")
    return said.timestamp() if said is not None else float(change.at.time)


def _altered(description: bytes, path: tuple[bytes, ...]) -> tuple[float | None] | None:
    """Return the date that an update leaves at a path; None where it does not touch that."""
    said = fields(description)
    whole = b".".join(path)
    for name, found in inner(said, b"updatedFields").items():
        if name == whole or whole.startswith(name + b"."):
            rest = path[name.count(b".") :]
            return (dated({rest[0]: element(rest[0], found)}, rest),)
        if name.startswith(whole + b"."):
            return (None,)
    for each in inner(said, b"removedFields").values():
        if text(each) == whole or whole.startswith(text(each) + b"."):
            return (None,)
    return None
