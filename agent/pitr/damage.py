"""Which captured changes may be damage: bursts of deletes or updates of one kind, collections that went.

A burst stands out from what its collection's changes are like otherwise: within it they follow each other
much more closely. So the log is read twice: once to see how dense each kind of change
is, once for the bursts. Where deletes are among them, those of a TTL index are left out, and it is read anew.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeAlias

import bson
from bson import Timestamp
from bson.json_util import dumps

from agent.pitr import instant
from agent.pitr.edges import of_data
from agent.pitr.elements import fields, id_of, inner
from agent.pitr.expiry import Due, due_deletes
from agent.pitr.log import Change, changes
from agent.pitr.model import Candidate, Damage
from agent.pitr.reach import stretches
from agent.pitr.server import NOT_DATA
from agent.pitr.store import Store, Timeline

Kind: TypeAlias = "tuple[str, str, tuple[str, ...]]"
"""What is done, to which collection, and to which fields of its documents."""

Group: TypeAlias = "tuple[Kind, str]"
"""A kind of change, and a hash of what it says where many say the same; empty for all others."""

_MASS = frozenset({"delete", "update", "replace"})
_GONE = {"dropDatabase": 0, "drop": 1, "rename": 3}
_SHORTEST, _LONGEST = 0.002, 0.25
_PAUSE = 1.0
_DENSE = 10
_COUNTED = 2_000_000
_TOGETHER = 120
_SHOWN, _LISTED = 3, 50
_HOUR = 3600


@dataclass
class Burst:
    """Changes of one kind that follow each other closely."""

    first: Timestamp
    last: Timestamp
    since: float
    until: float
    events: int = 0
    dense: int = 0
    densest: int = 0
    documents: set[int] = field(default_factory=set)
    sample: list[str] = field(default_factory=list)

    def add(self, change: Change, now: float, *, dense: bool) -> None:
        """Take a change; `dense` says that it follows closely."""
        self.last, self.until = change.at, max(now, self.until)
        self.events += 1
        self.dense = self.dense + 1 if dense else 1
        self.densest = max(self.densest, self.dense)
        if len(self.documents) < _COUNTED:
            self.documents.add(hash(id_of(bytes(change.event["documentKey"].raw))))
        if len(self.sample) < _SHOWN:
            self.sample.append(described(change))


def kind_of(change: Change) -> Kind:
    """Return what kind of change it is; updates are told apart by the fields that they set or remove."""
    named: set[str] = set()
    if change.kind == "update":
        said = fields(bytes(change.event["updateDescription"].raw))
        named = {each.decode("utf-8", "replace").split(".")[0] for each in inner(said, b"updatedFields")}
        removed = inner(said, b"removedFields").values()
        named |= {each[each.index(0) + 5 : -1].decode("utf-8", "replace").split(".")[0] for each in removed}
    return change.kind, f"{change.db}.{change.name}", tuple(sorted(named))


def same_of(change: Change) -> str:
    """Return a hash of what an update says; empty for what is no update."""
    if change.kind != "update":
        return ""
    return blake2b(change.event["updateDescription"].raw, digest_size=8).hexdigest()


class _Usual:
    """How many changes of each group there are in each second."""

    def __init__(self) -> None:
        self._seconds: dict[Group, Counter[int]] = defaultdict(Counter)
        self._now: dict[Kind, tuple[int, Counter[str]]] = {}

    def add(self, change: Change) -> None:
        """Count a change."""
        kind, second, same = kind_of(change), change.at.time, same_of(change)
        self._seconds[kind, ""][second] += 1
        if same:
            when, counts = self._now.get(kind, (0, Counter()))
            if when != second:
                self._settle(kind)
                counts = Counter()
                self._now[kind] = (second, counts)
            counts[same] += 1

    def _settle(self, kind: Kind) -> None:
        """Remember of the second that is over what was said many times in it."""
        second, counts = self._now.get(kind, (0, Counter()))
        for same, count in counts.items():
            if count >= _DENSE:
                self._seconds[kind, same][second] = count

    def gaps(self, at_least: int, window: int) -> dict[Group, float]:
        """Return the seconds between two changes as they usually are, for every group of so many."""
        for kind in self._now:
            self._settle(kind)
        return {
            group: _usual_gap(counts, window)
            for group, counts in self._seconds.items()
            if sum(counts.values()) >= at_least
        }


def find_damage(store: Store, since: str, until: str, at_least: int) -> Damage:
    """Search the newest timeline that holds the time asked for; by default its last hour.

    Raises:
        MomentUnreachable: nothing was captured.
        BackupDamaged: a segment is missing or damaged; it is named.
    """
    timeline, start, end = _window(store, since, until)
    due = Due()
    events, found = _search(timeline, start, end, at_least, due)
    swept = {each.namespace for each in found if each.kind == "delete"}
    if swept:
        due = due_deletes(timeline, start, end, swept)
    if due.deletes:
        events, found = _search(timeline, start, end, at_least, due)
    ranked = sorted(found, key=_gravity)[:_LISTED]
    return Damage(
        since=instant.show(start),
        until=instant.show(end),
        events=events,
        candidates=tuple(ranked),
        chosen=tuple(_chosen(ranked)),
        expired=dict(due.counts),
    )


def _search(
    timeline: Timeline, start: Timestamp, end: Timestamp, at_least: int, due: Due
) -> tuple[int, list[Candidate]]:
    """Return how many changes there are, and which may be damage, but for what was due."""
    counted, events, found = _Usual(), 0, []
    for change in changes(timeline, start, end):
        events += 1
        if change.kind in _GONE:
            found += _gone(change)
        elif change.kind in _MASS and of_data(change) and not due.has(change):
            counted.add(change)
    usual = counted.gaps(at_least, end.time - start.time)
    if usual:
        log = (each for each in changes(timeline, start, end) if not due.has(each))
        found += _bursts(log, usual, at_least)
    return events, found


def _window(store: Store, since: str, until: str) -> tuple[Timeline, Timestamp, Timestamp]:
    from agent.errors import MomentUnreachable

    for timeline in reversed(store.timelines()):
        found, _ = stretches(timeline)
        if not found:
            continue
        last, sealed = found[-1].until, timeline.segments()
        end = min(instant.read(until), last) if until else last
        start = instant.below(instant.read(since)) if since else Timestamp(max(end.time - _HOUR, 0), 0)
        beginning = sealed[0].first if sealed else start
        if end >= beginning:
            # What lay before the oldest base has been removed; the log is whole from its oldest change on.
            removed = bool(sealed) and sealed[0].n > 1
            return timeline, max(start, beginning if removed else instant.below(beginning)), end
    raise MomentUnreachable(
        f"Expected captured changes in {store.path}{f' until {until}' if until else ''}, found none.",
        do="Search another time, or see drillyard mongodb points.",
    )


def _usual_gap(counts: Counter[int], window: int) -> float:
    """Return the seconds between two changes of a kind as they usually are.

    By a second that a quarter of all are quieter than, so that damage of minutes does not hide itself.
    """
    quiet = max(window + 1 - len(counts), 0)
    ranked = sorted(counts.values())
    at = (len(ranked) + quiet) // 4 - quiet
    return 1 / ranked[at] if at >= 0 else float("inf")


def _bursts(log: Iterable[Change], usual: dict[Group, float], at_least: int) -> list[Candidate]:
    close = {group: min(max(gap / 8, _SHORTEST), _LONGEST) for group, gap in usual.items()}
    # A stall in the middle does not end one: what follows sooner than usual belongs to it.
    near = {group: max(close[group], min(gap, _PAUSE)) for group, gap in usual.items()}
    running: dict[Group, Burst] = {}
    ended: list[tuple[Group, Burst]] = []
    for change in log:
        if change.kind not in _MASS or not of_data(change):
            continue
        kind = kind_of(change)
        group = (kind, same_of(change))
        if group not in close:
            group = (kind, "")
        if group not in close:
            continue
        now = _wall(change)
        burst = running.get(group)
        if burst is None or now - burst.until > near[group]:
            if burst is not None and _stands_out(burst, at_least):
                ended.append((group, burst))
            burst = running[group] = Burst(change.at, change.at, now, now)
        burst.add(change, now, dense=now - burst.until <= close[group])
    ended += [(group, burst) for group, burst in running.items() if _stands_out(burst, at_least)]
    return [_candidate(group, burst, usual[group]) for group, burst in ended]


def _stands_out(burst: Burst, at_least: int) -> bool:
    return len(burst.documents) >= at_least and burst.densest >= max(_DENSE, at_least // 10)


def _wall(change: Change) -> float:
    """Return when it happened, to the millisecond where the server says it."""
    said: Any = change.event.get("wallTime")
    return said.timestamp() if said is not None else float(change.at.time)


def _candidate(group: Group, burst: Burst, gap: float) -> Candidate:
    (what, namespace, named), same = group
    return Candidate(
        id=f"{what}:{namespace}:{instant.show(burst.first)}",
        kind=what,
        namespace=namespace,
        events=burst.events,
        documents=len(burst.documents),
        first=instant.show(burst.first),
        last=instant.show(burst.last),
        first_utc=instant.utc(burst.first),
        last_utc=instant.utc(burst.last),
        fields=named,
        sample=tuple(burst.sample),
        same=same,
        seconds=max(burst.until - burst.since, 0.001),
        usual=0.0 if gap == float("inf") else gap,
    )


def _gone(change: Change) -> list[Candidate]:
    if change.db in NOT_DATA or change.name.startswith(("system.", "tmp.")):
        return []
    namespace = f"{change.db}.{change.name}".rstrip(".")
    at, utc = instant.show(change.at), instant.utc(change.at)
    return [
        Candidate(
            id=f"{change.kind}:{namespace}:{at}",
            kind=change.kind,
            namespace=namespace,
            events=1,
            documents=0,
            first=at,
            last=at,
            first_utc=utc,
            last_utc=utc,
            sample=(described(change),),
        )
    ]


def described(change: Change) -> str:
    """Return what a change did, in a line."""
    said = bson.decode(change.event.raw)
    if change.kind == "rename":
        to = said.get("to") or {}
        return f"renamed to {to.get('db')}.{to.get('coll')}"
    if "documentKey" not in said:
        return change.kind
    line = f"{change.kind} _id {_short(said['documentKey'].get('_id'))}"
    if change.kind == "update":
        told = said["updateDescription"]
        line += "".join(f", {name} = {_short(value)}" for name, value in told["updatedFields"].items())
        line += "".join(f", without {name}" for name in told.get("removedFields", ()))
    return line[:200]


def _short(value: Any) -> str:
    text = dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _gravity(candidate: Candidate) -> tuple[int, int, str]:
    return _GONE.get(candidate.kind, 2), -candidate.documents, candidate.first


def _chosen(ranked: list[Candidate]) -> list[str]:
    """Return the ids of what belongs together with the gravest; a rename only where it is all there is."""
    grave = [each for each in ranked if each.kind != "rename"] or ranked
    if not grave:
        return []
    begun = instant.read(grave[0].first).time
    return [each.id for each in grave if abs(instant.read(each.first).time - begun) <= _TOGETHER]
