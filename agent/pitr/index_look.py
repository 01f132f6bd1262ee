"""Which indexes are dropped, built wrongly, or disagree with the data they should point at."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from pymongo.errors import OperationFailure

from agent.pitr.index_model import (
    DISAGREES,
    EXTRA,
    LEFT,
    MISSING,
    SOUND,
    TO_BUILD,
    UNCOUNTED,
    WRONG,
    Duplicate,
    Finding,
    IndexReport,
)
from agent.pitr.index_queries import Client, Place, Query, collection_of, values_at
from agent.pitr.index_specs import OURS, Definition, Specs, definitions

_LOOKS = 3
"""So many counts in a row must disagree: writes go on while we count."""
_FEW = 5
_TRIED, _MANY, _SECONDS = 100, 1000, 3.0
_NOT_OURS = ("admin", "config", "local")
_NO_COLLECTION = 26
_NATURAL = {"$natural": 1}


def listed(client: Client) -> dict[str, list[dict[str, Any]]]:
    """Return every index there is as listIndexes gives it, by collection, but those on `_id`."""
    found: dict[str, list[dict[str, Any]]] = {}
    for database in sorted(set(client.list_database_names()) - set(_NOT_OURS)):
        for each in client[database].list_collections(filter={"type": "collection"}):
            specs = [dict(spec) for spec in client[database][each["name"]].list_indexes()]
            own = [spec for spec in specs if spec["name"] != "_id_" and not spec["name"].endswith(OURS)]
            if own and not each["name"].startswith("system."):
                found[f"{database}.{each['name']}"] = own
    return found


def look(client: Client, declared: Specs, *, validate: bool = True) -> IndexReport:
    """Compare every declared index with what is there, and count it; ask what the server says of itself.

    Nothing is changed. `validate` runs in the background: it takes no lock.
    """
    findings: list[Finding] = []
    said: dict[str, str] = {}
    doubled: list[Duplicate] = []
    meant: dict[str, list[Definition]] = {collection: [] for collection in declared}
    for each in definitions(declared):
        meant[each.collection].append(each)
    for collection, wanted in meant.items():
        if not wanted:
            continue
        place = collection_of(client, wanted[0])
        there = {str(spec["name"]): spec for spec in place.list_indexes()}
        there.pop("_id_", None)
        counts = Counts(place)
        found = [_compare(counts, each, there.pop(each.name, None)) for each in wanted]
        findings += [*found, *(_unwanted(collection, spec) for spec in there.values())]
        for each, how in zip(wanted, found, strict=True):
            if each.options.get("unique") and how.state in TO_BUILD:
                doubled += duplicates(client, each)
        said[collection] = _validated(place) if validate else "not asked"
    return _report(findings, said, doubled)


def _report(findings: list[Finding], said: dict[str, str], doubled: list[Duplicate]) -> IndexReport:
    broken = [each for each in findings if each.state in TO_BUILD]
    unwell = [collection for collection, words in said.items() if words not in ("valid", "not asked")]
    return IndexReport(
        sound=not broken and not unwell,
        findings=tuple(findings),
        broken=tuple(_told(each) for each in broken),
        extra=tuple(f"{each.collection}.{each.name}" for each in findings if each.state == EXTRA),
        duplicates=tuple(doubled),
        validate=said,
        lies=_lies(findings, said),
    )


def duplicates(client: Client, index: Definition) -> list[Duplicate]:
    """Return samples of what keeps a unique index from being built; nothing is ever deleted for it."""
    paths = [path for path, _ in index.keys]
    keys = {f"k{n}": f"${path}" for n, path in enumerate(paths)}
    stages: list[dict[str, Any]] = [
        {"$match": index.covers},
        # An array counts by each of its elements.
        *({"$unwind": {"path": f"${path}", "preserveNullAndEmptyArrays": True}} for path in paths),
        {"$group": {"_id": keys, "ids": {"$addToSet": "$_id"}}},
        {"$project": {"ids": {"$slice": ["$ids", _FEW]}, "count": {"$size": "$ids"}}},
        {"$match": {"count": {"$gt": 1}}},
        {"$limit": _FEW},
    ]
    found = collection_of(client, index).aggregate(stages, allowDiskUse=True)
    return [
        Duplicate(
            index.collection,
            index.name,
            {path: str(each["_id"].get(f"k{n}")) for n, path in enumerate(paths)},
            each["count"],
            tuple(map(str, each["ids"])),
        )
        for each in found
    ]


class Counts:
    """Counts by natural order, remembered: the last one is where the next comparison begins."""

    def __init__(self, place: Place) -> None:
        """Count nothing yet."""
        self.place = place
        self._last: dict[str, int] = {}

    def before(self, matching: Mapping[str, Any]) -> int:
        """Return the last count of these documents, or count them."""
        return self._last[str(matching)] if str(matching) in self._last else self.now(matching)

    def now(self, matching: Mapping[str, Any]) -> int:
        """Count these documents."""
        self._last[str(matching)] = count = _count(self.place, matching, _NATURAL)
        return count


def _compare(counts: Counts, meant: Definition, spec: Mapping[str, Any] | None) -> Finding:
    if spec is None:
        return Finding(meant.collection, meant.name, MISSING, "it is not there")
    wrong = meant.differences(Definition.of(meant.collection, spec))
    if wrong:
        return Finding(meant.collection, meant.name, WRONG, "; ".join(wrong))
    return counted(counts, meant)


def counted(counts: Counts, meant: Definition) -> Finding:
    """Count what belongs in an index by it and by natural order; what differs each time disagrees."""

    def found(state: str, detail: str = "", entries: int = -1, documents: int = -1) -> Finding:
        return Finding(meant.collection, meant.name, state, detail, entries, documents)

    if not meant.ordered or meant.options.get("hidden"):
        why = "hidden" if meant.options.get("hidden") else "of a kind that cannot be scanned"
        return found(UNCOUNTED, f"it is {why}")
    place, entries, after = counts.place, 0, 0
    for _ in range(_LOOKS):
        before = counts.before(meant.covers)
        try:
            entries = _count(place, meant.covers, meant.name)
        except OperationFailure as error:
            return found(UNCOUNTED, _sentence(error))
        after = counts.now(meant.covers)
        if entries > max(before, after):
            # An index on arrays may have a document several times.
            entries = _count(place, meant.covers, meant.name, distinct=True)
        if min(before, after) <= entries <= max(before, after):
            missed = _not_found_by(place, meant)
            if not missed:
                return found(SOUND, "", entries, after)
            return found(DISAGREES, f"it does not lead to {missed}", entries, after)
    return found(DISAGREES, f"it leads to {entries} documents where {after} belong in it", entries, after)


def _count(place: Place, matching: Mapping[str, Any], hint: Any, *, distinct: bool = False) -> int:
    total: dict[str, Any] = {"$group": {"_id": None, "n": {"$sum": 1}}}
    once: list[dict[str, Any]] = [{"$group": {"_id": "$_id"}}] if distinct else []
    stages: list[dict[str, Any]] = [{"$match": matching}, {"$project": {"_id": 1}}, *once, total]
    found = list(place.aggregate(stages, hint=hint, allowDiskUse=True))
    return int(found[0]["n"]) if found else 0


def _not_found_by(place: Place, meant: Definition) -> str:
    """Look up some documents of an index on arrays by each element: counting cannot see a lost one."""
    path, end = meant.keys[0][0], time.monotonic() + _SECONDS
    # Where the server would choose it by itself it is asked as it is by users.
    hint = None if Query(place, meant).answered_by() == meant.name else meant.name
    sample: list[dict[str, Any]] = [{"$match": meant.covers}, {"$sample": {"size": _TRIED}}]
    for document in place.aggregate(sample):
        values = list(values_at(document, path))
        for value in values if len(values) > 1 else ():
            wanted = {path: value}
            matching = {"$and": [meant.covers, wanted]} if meant.covers else wanted
            by_index = place.find(matching, {"_id": 1}, hint=hint, limit=_MANY)
            found = [each["_id"] for each in by_index]
            if len(found) < _MANY and document["_id"] not in found and _is_there(place, document, wanted):
                return f"the document {document['_id']} by {path} = {value}"
            if time.monotonic() > end:
                return ""
    return ""


def _is_there(place: Place, document: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Say whether the document still has that value: it may have changed while we looked."""
    return place.find_one({"_id": document["_id"], **wanted}, {"_id": 1}, hint="_id_") is not None


def _unwanted(collection: str, spec: Mapping[str, Any]) -> Finding:
    name = str(spec["name"])
    if name.endswith(OURS):
        return Finding(collection, name, LEFT, "it stood in for another while that was rebuilt")
    return Finding(collection, name, EXTRA, "nobody declared it")


def _validated(place: Place) -> str:
    try:
        said = place.database.command("validate", place.name, background=True)
    except OperationFailure as error:
        return "not asked" if error.code == _NO_COLLECTION else f"refused: {_sentence(error)}"
    if said.get("valid", True):
        return "valid"
    return "; ".join(map(str, said.get("errors") or [])) or "not valid"


def _lies(findings: Iterable[Finding], said: Mapping[str, str]) -> tuple[str, ...]:
    disagreeing = {each.collection for each in findings if each.state == DISAGREES}
    return tuple(sorted(each for each in disagreeing if said.get(each) == "valid"))


def _told(finding: Finding) -> str:
    return f"{finding.collection}.{finding.name}: {finding.state} ({finding.detail})"


def _sentence(error: OperationFailure) -> str:
    return str((error.details or {}).get("errmsg") or error)[:200]
