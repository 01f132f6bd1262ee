"""Writes made after the moment that was restored to, brought to the restored server; conflicts are listed.

A document is brought to its newest state only where nothing speaks against it: the damage did not touch it
first, and the restored server still has it as it was restored, or a TTL index has removed it there since. So
doing it twice changes nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
from bson import Timestamp

from agent.pitr import instant
from agent.pitr.crew import hands
from agent.pitr.edges import Edges
from agent.pitr.fold import fold, stands_alone
from agent.pitr.later import Bad, Gathered, Later, conflict, gather
from agent.pitr.log import changes
from agent.pitr.model import Conflict, Damage, Replayed
from agent.pitr.passing import Passing
from agent.pitr.plan import make_plan, workplace
from agent.pitr.prove import clock, expected
from agent.pitr.reach import Way, stretches, way_to
from agent.pitr.redefine import redefine
from agent.pitr.rewrite import Rewrite, rewrite
from agent.pitr.segment import write_whole
from agent.pitr.server import Client, connect, words
from agent.pitr.store import Store
from agent.pitr.sums import Place

PART = 128 << 20
"""Bytes of later changes that are held at a time."""

_LISTED = 50


@dataclass
class _Outcome:
    """What became of the documents."""

    only_new: bool = False
    applied: int = 0
    already: int = 0
    removed: int = 0
    undone: list[Place] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)


def replay(
    store: Store,
    after: str,
    into: str,
    damage: Damage | None = None,
    workers: int = 0,
    *,
    only_new: bool = False,
) -> Replayed:
    """Bring them there; up to what was captured last. With `only_new` no document is touched that was there.

    Raises:
        MomentUnreachable, BackupDamaged: the history does not tell what was written.
        Unreachable, ServiceRefused: the restored server does not take it.
    """
    begun = time.monotonic()
    way = way_to(store, after)
    end = max(each.until for each in stretches(way.timeline)[0] if each.since <= way.at <= each.until)
    bad, crew, outcome = Bad(damage), hands(workers), _Outcome(only_new)
    weight = sum(each.sealed().bytes for each in way.timeline.segments() if way.at <= each.last)
    parts = 1 + weight // PART
    events = 0
    client = connect(into, 30)
    try:
        with words("The restored server"):
            for part in range(parts):
                found = gather(changes(way.timeline, way.at, end), bad, part, parts)
                events = found.events
                if part == 0:
                    outcome.conflicts += redefine(client, way, end, found, bad)
                before, passing = _before(store, way, found, crew)
                _bring(client, found, before, passing, outcome)
    finally:
        client.close()
    answer = Replayed(
        after=instant.show(way.at),
        until=instant.show(end),
        events=events,
        applied=outcome.applied,
        already=outcome.already,
        undone=len(outcome.undone),
        conflict_count=len(outcome.conflicts),
        conflicts=tuple(outcome.conflicts[:_LISTED]),
        seconds=round(time.monotonic() - begun, 3),
        removed=outcome.removed,
    )
    return replace(answer, report=_report(store, way.at, answer, outcome))


def _before(store: Store, way: Way, found: Gathered, crew: int) -> tuple[dict[Place, bytes], Passing]:
    """Return the documents concerned as they were restored, and which of them go by themselves."""
    if not found.documents:
        return {}, Passing()
    with workplace(store) as folder:
        plan = make_plan(way, folder, crew)
        edges = Edges(tuple(found.documents), ())
        picked = expected(way, plan, edges, whole=False, hands=crew).picked
        return picked, Passing(plan.lives.values())


def _bring(
    client: Client, found: Gathered, before: dict[Place, bytes], passing: Passing, outcome: _Outcome
) -> None:
    ordered = sorted(found.documents.items(), key=lambda each: each[1].last)
    now = clock(client)

    def due(place: Place, document: bytes | None) -> bool:
        return document is not None and passing.due(place[0], document) <= now

    wanted = [
        replace(each, was_due=due(each.place, each.was), becomes_due=due(each.place, each.becomes))
        for each in _wanted(ordered, before, outcome)
    ]
    done = rewrite(client, wanted)
    outcome.applied += done.applied
    outcome.already += done.already
    outcome.conflicts += [
        conflict(place, why, found.documents[place].writes) for place, why in done.refused.items()
    ]


def _wanted(
    ordered: list[tuple[Place, Later]], before: dict[Place, bytes], outcome: _Outcome
) -> Iterator[Rewrite]:
    for place, later in ordered:
        was = before.get(place)
        if later.spoilt is not None and later.since:
            why = "the damage touched it before these writes"
            outcome.conflicts.append(conflict(place, why, later.writes[later.spoilt :]))
        elif later.spoilt == 0:
            outcome.undone.append(place)
        elif was is not None and outcome.only_new:
            why = "it was there at the moment that was restored to, and nobody said what the damage is"
            outcome.conflicts.append(conflict(place, why, later.writes))
        elif was is None and not stands_alone(later.writes):
            why = "it was not there at the moment that was restored to"
            outcome.conflicts.append(conflict(place, why, later.writes))
        else:
            becomes = fold(was, later.writes)
            outcome.removed += was is not None and becomes is None
            yield Rewrite(place, was, becomes)


def _report(store: Store, at: Timestamp, answer: Replayed, outcome: _Outcome) -> str:
    """Write the whole list beside the captures and return its path; empty where that cannot be written."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = Path(store.path) / f"replay-{at.time}.{at.inc}-{stamp}.jsonl"
    lines = [
        msgspec.json.encode(replace(answer, conflicts=())),
        *(msgspec.json.encode({"conflict": each}) for each in outcome.conflicts),
        *(
            msgspec.json.encode({"undone": (told.namespace, told.id)})
            for told in (conflict(place, "", ()) for place in outcome.undone)
        ),
    ]
    try:
        write_whole(path, b"\n".join(lines) + b"\n")
    except OSError:
        return ""
    return str(path)
