"""Documents that a TTL index makes due: those go by themselves, from a restored server as from any other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Any

from agent.pitr.catalog import Entry
from agent.pitr.elements import ARRAY, fields, inner, value
from agent.pitr.lives import Life

_DATE = 0x09
_date_of = Struct("<q").unpack


@dataclass(frozen=True)
class Rule:
    """A TTL index: the path of its field, and how many seconds after that date a document is due."""

    path: tuple[bytes, ...]
    seconds: float


def rules_of(entry: Entry) -> Iterator[Rule]:
    """Yield the rules by which documents of a collection become due."""
    for index in entry.indexes:
        after, key = _seconds(index.get("expireAfterSeconds")), list(index["key"])
        if after is not None and len(key) == 1:
            yield Rule(tuple(key[0].encode().split(b".")), after)
    after = _seconds(entry.options.get("expireAfterSeconds"))
    if after is not None and "clusteredIndex" in entry.options:
        yield Rule((b"_id",), after)
    elif after is not None and "timeseries" in entry.options:
        yield Rule((str(entry.options["timeseries"]["timeField"]).encode(),), after)


def rules_of_life(life: Life) -> tuple[Rule, ...]:
    """Return them as a collection has them at the moment it is told of."""
    return tuple(rules_of(Entry(life.db, life.name, life.kind, life.options, tuple(life.indexes.values()))))


def _seconds(said: Any) -> float | None:
    """Return a time to live; None where none is said, or that it is off."""
    if not isinstance(said, int | float) or isinstance(said, bool) or not math.isfinite(said):
        return None
    return float(said)


def dated(elements: dict[bytes, bytes], path: tuple[bytes, ...]) -> float | None:
    """Return the date at a path as seconds, of several the earliest; None where there is none."""
    for name in path[:-1]:
        elements = inner(elements, name)
    found = elements.get(path[-1])
    if found is None:
        return None
    every = inner(elements, path[-1]).values() if found[0] == ARRAY else (found,)
    dates = [_date_of(value(each))[0] / 1000 for each in every if each[0] == _DATE]
    return min(dates, default=None)


class Passing:
    """Which documents become due by some time, by the TTL indexes that their collections have."""

    def __init__(self, lives: Iterable[Life] = (), by: float = math.inf) -> None:
        """`by` are seconds since 1970; collections without such an index never have any."""
        found = {life.namespace: rules_of_life(life) for life in lives}
        self._rules = {name: rules for name, rules in found.items() if rules}
        self._by = by

    def __contains__(self, namespace: str) -> bool:
        """Say whether documents of a collection can become due at all."""
        return namespace in self._rules

    def due(self, namespace: str, document: bytes) -> float:
        """Return from when on a document may be gone, in seconds since 1970; infinity = it stays.

        An index over part of a collection is taken as one over all of it: so a document may be thought due
        that is not, and never the other way round.
        """
        rules = self._rules.get(namespace, ())
        if not rules:
            return math.inf
        elements = fields(document)
        dates = [(dated(elements, rule.path), rule.seconds) for rule in rules]
        return min((date + seconds for date, seconds in dates if date is not None), default=math.inf)

    def apart(self, namespace: str, documents: list[bytes]) -> tuple[list[bytes], list[tuple[bytes, float]]]:
        """Return the documents that stay, and the others, each with the time from which it may be gone."""
        if namespace not in self._rules:
            return documents, []
        timed = [(each, self.due(namespace, each)) for each in documents]
        return [each for each, when in timed if when > self._by], [one for one in timed if one[1] <= self._by]
