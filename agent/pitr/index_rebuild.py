"""Builds the indexes that are missing, wrong or at odds with their data, while reads and writes go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError, OperationFailure

from agent.errors import StepFailed
from agent.pitr.index_look import Counts, counted, duplicates, look
from agent.pitr.index_model import MISSING, SOUND, TO_BUILD, UNCOUNTED, WRONG, Finding, Rebuild, Rebuilt
from agent.pitr.index_queries import Client, Meter, Query, collection_of
from agent.pitr.index_specs import OURS, Definition, Specs, definitions

Connect = Callable[[], Client]


def rebuild(connect: Connect, declared: Specs) -> Rebuilt:
    """Look again, build what has to be built, and remove what an earlier rebuild left standing in.

    A server builds an index beside reads and writes. Where a wrong or damaged one has to go first, another
    that serves the same queries (the same keys, `_id` behind them) is built before it goes and removed once
    the right one is there. A unique index whose values are not unique is left as it is and reported. So is
    one that is there and would let documents live for a shorter time, where that deletes some at once: a
    recovery deletes nothing, and a declaration may be older than what is there.
    Killed anywhere and done again, it goes on from what it finds.

    Raises:
        StepFailed: the server refused to build one; the sentence has its words.
    """
    client = connect()
    report = look(client, declared, validate=False)
    meant = {(each.collection, each.name): each for each in definitions(declared)}
    wanted = [(meant[each.collection, each.name], each) for each in report.findings if each.state in TO_BUILD]
    impossible = {(each.collection, each.index) for each in report.duplicates}
    doubled = list(report.duplicates)
    built: list[Rebuild] = []
    deleting: list[str] = []
    for index, finding in wanted:
        if (index.collection, index.name) in impossible:
            continue
        if finding.state == WRONG and _deletes(client, index):
            deleting.append(f"{index.collection}.{index.name}")
            continue
        done = _one(connect, index, finding)
        if done is None:
            doubled += duplicates(client, index)
        else:
            built.append(done)
    removed = _tidy(client, meant.values())
    refused = tuple(sorted({f"{each.collection}.{each.index}" for each in doubled}))
    return Rebuilt(tuple(built), removed, tuple(doubled), refused, tuple(deleting))


def _deletes(client: Client, index: Definition) -> bool:
    """Return whether a TTL index as declared would have documents deleted that stay with the one there is."""
    seconds = index.options.get("expireAfterSeconds")
    if not isinstance(seconds, int | float):
        return False
    place = collection_of(client, index)
    spec: dict[str, Any] = next(
        (dict(each) for each in place.list_indexes() if each["name"] == index.name), {}
    )
    now = client.admin.command("hello")["localTime"]
    due: dict[str, Any] = {index.keys[0][0]: {"$lt": now - timedelta(seconds=seconds)}}
    same = list(dict(spec.get("key", {})).items()) == list(index.keys)
    there = spec.get("expireAfterSeconds") if same else None
    if isinstance(there, int | float):
        # What the present one makes due goes anyhow.
        due[index.keys[0][0]]["$gte"] = now - timedelta(seconds=there)
    return place.find_one({"$and": [index.covers, due]} if index.covers else due, {"_id": 1}) is not None


def _one(connect: Connect, index: Definition, finding: Finding) -> Rebuild | None:
    """Build one; None where values that are not unique came in meanwhile."""
    client = connect()
    place = collection_of(client, index)
    before = Query(place, index).latency()
    stood_in = index.stand_in() if index.ordered else None
    began = time.monotonic()
    with Meter(connect(), [index]) as meter:
        there = {str(spec["name"]) for spec in place.list_indexes()}
        if finding.state != MISSING and stood_in and stood_in.name not in there:
            _create(client, stood_in)
        if finding.state != MISSING:
            place.drop_index(index.name)
        try:
            _create(client, index)
        except DuplicateKeyError:
            # What stands in stays, so that queries still have an index.
            return None
    seconds = time.monotonic() - began
    now = counted(Counts(place), index)
    if now.state not in (SOUND, UNCOUNTED):
        raise StepFailed(
            f"Expected {index.collection}.{index.name} to agree with its data once rebuilt, found that "
            f"{now.detail}.",
            do="Its storage may be damaged: restore the collection (page mongodb_pitr).",
        )
    helper = stood_in.name if stood_in and finding.state != MISSING else ""
    if stood_in and (helper or stood_in.name in there):
        place.drop_index(stood_in.name)
    was = f"{finding.state}: {finding.detail}"
    after = Query(place, index).latency()
    return Rebuild(
        index.collection, index.name, was, round(seconds, 2), helper, before, meter.latency(index.name), after
    )


def _create(client: Client, index: Definition) -> None:
    database, collection = index.place
    try:
        client[database].command("createIndexes", collection, indexes=[index.spec])
    except DuplicateKeyError:
        raise
    except OperationFailure as error:
        if error.code == 11000:
            raise DuplicateKeyError(str(error), error.code, error.details) from None
        raise StepFailed(
            f"Expected the server to build {index.collection}.{index.name}, found: "
            f"{(error.details or {}).get('errmsg') or error}",
            do="See what stands in its way (an index of the same keys under another name, perhaps).",
        ) from None


def _tidy(client: Client, declared: Iterable[Definition]) -> tuple[str, ...]:
    """Remove what stood in for an index that is there by now."""
    removed = []
    for index in declared:
        place = collection_of(client, index)
        there = {str(spec["name"]) for spec in place.list_indexes()}
        left = index.name + OURS
        if left in there and index.name in there:
            place.drop_index(left)
            removed.append(f"{index.collection}.{left}")
    return tuple(removed)
