"""Which collections there are at a moment, where each one's documents come from, with options and indexes.

A name may be taken by one collection after another: each is a life of its own. Changes belong to the life
that has the name at their time; documents of a life that ended before the moment are not restored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import bson

from agent.pitr.catalog import COLLECTION, TIMESERIES, VIEW, Entry, Spec, entry_of, from_json, plain
from agent.pitr.log import CATALOG, Change

_BARE = frozenset({"v", "key", "name"})
_OPTIONS = "*"
_REDEFINES = frozenset({"drop", "dropDatabase", "rename", "dropIndexes", "modify"})
_OF_A_VIEW = ("viewOn", "pipeline", "collation")


@dataclass
class Life:
    """One collection from its making to its end. `source` names it in the base ("" = it was made later)."""

    n: int
    db: str
    name: str
    kind: str = COLLECTION
    options: Spec = field(default_factory=dict)
    indexes: dict[str, Spec] = field(default_factory=dict)
    source: str = ""
    alive: bool = True

    @property
    def namespace(self) -> str:
        """Database and collection."""
        return f"{self.db}.{self.name}"


class Lives:
    """All lives, told change by change."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Begin with the collections of a base."""
        self.all: list[Life] = []
        self._named: dict[tuple[str, str], Life] = {}
        # What an event did not say: names of indexes, or that options changed, until a catalog says it.
        self._unsure: dict[tuple[str, str], set[str]] = {}
        self._doubts: dict[tuple[str, str], set[str]] = {}
        for entry in entries:
            life = self._make(entry.db, entry.name, entry.kind, entry.options)
            life.indexes = {str(each["name"]): each for each in entry.indexes}
            life.source = entry.namespace

    @property
    def living(self) -> list[Life]:
        """Those that are there now."""
        return [life for life in self.all if life.alive]

    @property
    def wants(self) -> bool:
        """Whether a catalog could still tell what an event did not."""
        return bool(self._unsure)

    @property
    def unsure(self) -> tuple[str, ...]:
        """Indexes and options of which only the event is known, which need not say all."""
        return tuple(
            f"{db}.{name}" + (f" index {what}" if what != _OPTIONS else " options")
            for (db, name), names in sorted((self._unsure | self._doubts).items())
            for what in sorted(names)
        )

    def of(self, db: str, name: str) -> Life:
        """Return who has a name now; a collection comes to be by its first document."""
        found = self._named.get((db, name))
        return found if found is not None else self._make(db, name, COLLECTION, {})

    def _make(self, db: str, name: str, kind: str, options: Spec) -> Life:
        life = Life(len(self.all), db, name, kind, dict(options))
        self.all.append(life)
        self._named[db, name] = life
        return life

    def _end(self, db: str, name: str) -> None:
        life = self._named.pop((db, name), None)
        if life is not None:
            life.alive = False
        self._unsure.pop((db, name), None)

    def heed(self, change: Change) -> None:
        """Take note of a change of definition; kinds that define nothing are passed over."""
        said: dict[str, Any] = bson.decode(change.event.raw)
        told: dict[str, Any] = said.get("operationDescription") or {}
        match change.kind:
            case "create":
                self._create(change, told, said.get("nsType", ""))
            case "drop":
                self._end(change.db, change.name)
            case "dropDatabase":
                for db, name in [key for key in self._named if key[0] == change.db]:
                    self._end(db, name)
            case "rename":
                to = said.get("to") or told["to"]
                self._rename(change, to["db"], to["coll"])
            case "createIndexes":
                self._index(change, told.get("indexes", []))
            case "dropIndexes":
                for each in told.get("indexes", []):
                    self.of(change.db, change.name).indexes.pop(each["name"], None)
                    self._unsure.get((change.db, change.name), set()).discard(each["name"])
            case "modify":
                self._modify(change, told)
            case _:
                pass

    def _create(self, change: Change, told: Spec, kind: str) -> None:
        options = {key: value for key, value in told.items() if key != "idIndex"}
        if not kind or kind == "collection":
            kind = VIEW if "viewOn" in told else TIMESERIES if "timeseries" in told else COLLECTION
        if kind == VIEW and "viewPipeline" in options:
            options["pipeline"] = options.pop("viewPipeline")
        # The base may have seen it already: then these are its own beginnings, told again.
        life = self._named.get((change.db, change.name)) or self._make(change.db, change.name, kind, {})
        life.kind, life.options = kind, options

    def _rename(self, change: Change, db: str, name: str) -> None:
        life = self.of(change.db, change.name)
        del self._named[change.db, change.name]
        self._end(db, name)
        life.db, life.name = db, name
        self._named[db, name] = life
        if unsure := self._unsure.pop((change.db, change.name), None):
            self._unsure[db, name] = unsure

    def _index(self, change: Change, indexes: Iterable[Spec]) -> None:
        life = self.of(change.db, change.name)
        for each in indexes:
            name = str(each["name"])
            life.indexes[name] = plain(each)
            if set(each) <= _BARE:
                self._unsure.setdefault((change.db, change.name), set()).add(name)

    def _modify(self, change: Change, told: Spec) -> None:
        life = self.of(change.db, change.name)
        index = told.get("index")
        if isinstance(index, dict) and index.get("name") in life.indexes:
            life.indexes[index["name"]].update(index)
        elif told:
            life.options.update({key: value for key, value in told.items() if key != "index"})
        self._unsure.setdefault((change.db, change.name), set()).add(_OPTIONS)

    def learn(self, change: Change) -> None:
        """Take from a catalog, read soon after a change, what its event did not say."""
        key = (change.db, change.name)
        wanted, life = self._unsure.get(key), self._named.get(key)
        if not wanted or life is None:
            return
        entries = [entry_of(from_json(each)) for each in json.loads(change.event["entries"])]
        for entry in entries[:1]:
            for index in entry.indexes:
                known = life.indexes.get(str(index["name"]))
                if known is not None and _same_keys(known, index):
                    life.indexes[str(index["name"])] = index
                    wanted.discard(str(index["name"]))
            if _OPTIONS in wanted:
                life.options = entry.options
                wanted.discard(_OPTIONS)
        if not wanted:
            del self._unsure[key]

    def behind(self, change: Change) -> None:
        """Take from behind the moment what explains it: catalogs, until something is redefined again."""
        if change.kind == CATALOG:
            self.learn(change)
        elif change.kind in _REDEFINES:
            for key in [key for key in self._unsure if key[0] == change.db]:
                if change.name in ("", key[1]):
                    self._doubts[key] = self._unsure.pop(key)


def _same_keys(one: Spec, other: Spec) -> bool:
    return list(dict(one["key"]).items()) == list(dict(other["key"]).items())


def create_options(life: Life) -> Spec:
    """Return what createCollection is told."""
    if life.kind == VIEW:
        return {key: value for key, value in life.options.items() if key in _OF_A_VIEW}
    return {key: value for key, value in life.options.items() if key != "uuid"}
