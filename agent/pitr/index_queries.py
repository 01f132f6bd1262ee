"""A query of an index's own kind: whether the index answers it, and how long that takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from agent.pitr.index_model import Latency
from agent.pitr.index_specs import Definition

Client = MongoClient[dict[str, Any]]
Place = Collection[dict[str, Any]]

_PAGE = 50
_SAMPLES = 20
_EVERY = 0.02


class Query:
    """What an application would ask that this index is for: one value of its first key, by its order."""

    def __init__(self, place: Place, index: Definition) -> None:
        """Take the value from a document that is there."""
        first, *rest = index.keys
        self._place = place
        self._sort = [(path, how) for path, how in rest if path != "_id"]
        self.filter: dict[str, Any] | None = None
        has = {first[0]: {"$ne": None}}
        for document in place.find({"$and": [index.covers, has]} if index.covers else has).limit(1):
            values = [value for value in values_at(document, first[0]) if value is not None]
            if values:
                equal: dict[str, Any] = {first[0]: values[0]}
                self.filter = {"$and": [index.covers, equal]} if index.covers else equal

    def ask(self) -> float:
        """Ask it and return how long the answer took, in milliseconds."""
        began = time.perf_counter()
        found = self._place.find(self.filter or {}).limit(_PAGE)
        list(found.sort(self._sort) if self._sort else found)
        return (time.perf_counter() - began) * 1000

    def answered_by(self, hint: str = "") -> str:
        """Return the name of the index the server answers it by, "" where it reads the whole collection.

        With `hint` the query names the index itself.
        """
        wanted: dict[str, Any] = {"find": self._place.name, "filter": self.filter or {}, "limit": _PAGE}
        if self._sort:
            wanted["sort"] = dict(self._sort)
        if hint:
            wanted["hint"] = hint
        said = self._place.database.command("explain", wanted, verbosity="queryPlanner")
        return next(_named(said.get("queryPlanner", {}).get("winningPlan", {})), "")

    def latency(self) -> Latency:
        """Ask it some times and return how long that took."""
        if self.filter is None:
            return Latency()
        return summed([self.ask() for _ in range(_SAMPLES)], self.answered_by())


class Meter:
    """A thread that asks queries in turn until it is stopped, over a connection of its own."""

    def __init__(self, client: Client, indexes: list[Definition]) -> None:
        """Ask for each of these indexes."""
        queries = [(each.name, Query(collection_of(client, each), each)) for each in indexes]
        self._asked = [(name, query) for name, query in queries if query.filter is not None]
        self._took: dict[str, list[float]] = {each.name: [] for each in indexes}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="index-latency", daemon=True)

    def __enter__(self) -> Meter:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(timeout=60)

    def latency(self, name: str) -> Latency:
        """Return how long the queries of one index took meanwhile."""
        return summed(self._took[name], "")

    def _run(self) -> None:
        while self._asked and not self._stop.is_set():
            for name, query in self._asked:
                try:
                    self._took[name].append(query.ask())
                except PyMongoError:
                    # The application waits too; the next answer tells how long.
                    continue
            self._stop.wait(_EVERY)


def collection_of(client: Client, index: Definition) -> Place:
    """Return the collection an index belongs to."""
    database, collection = index.place
    return client[database][collection]


def values_at(document: Mapping[str, Any], path: str) -> Iterator[Any]:
    """Yield what an index has of a document under a dotted path: each element where an array lies on it."""
    head, _, rest = path.partition(".")
    if head not in document:
        return
    for value in document[head] if isinstance(document[head], list) else [document[head]]:
        if not rest:
            yield value
        elif isinstance(value, Mapping):
            yield from values_at(value, rest)


def summed(took: list[float], index: str) -> Latency:
    """Return milliseconds as median, 99th percentile and worst."""
    if not took:
        return Latency(index=index)
    ordered = sorted(took)
    return Latency(
        median=round(ordered[len(ordered) // 2], 2),
        p99=round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
        worst=round(ordered[-1], 2),
        samples=len(ordered),
        index=index,
    )


def _named(plan: Any) -> Iterator[str]:
    if isinstance(plan, Mapping):
        if isinstance(plan.get("indexName"), str):
            yield plan["indexName"]
        for inner in plan.values():
            yield from _named(inner)
    elif isinstance(plan, list):
        for inner in plan:
            yield from _named(inner)
