"""What an index is meant to be: its definition in a normal form, and in what two definitions differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.errors import BadInventory

Spec = Mapping[str, Any]  # as listIndexes gives it and createIndexes takes it: name, key, options
Specs = Mapping[str, Iterable[Spec]]  # by collection: `chatdb.messages`

OURS = "_drillyard"
"""The end of the name of an index that only stands in while another is rebuilt."""

# What a server adds or used to, which says nothing about what the index does.
_SAYS_NOTHING = ("v", "ns", "key", "name", "background", "textIndexVersion", "2dsphereIndexVersion")
_FLAGS = ("unique", "sparse", "hidden")


@dataclass(frozen=True)
class Definition:
    """One index of one collection: `collection` is `database.collection`, `keys` in their order."""

    collection: str
    name: str
    keys: tuple[tuple[str, Any], ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, collection: str, spec: Spec) -> Definition:
        """Read one as listIndexes gives it or a person wrote it.

        Raises:
            BadInventory: it has no name or no keys.
        """
        key, name = spec.get("key"), spec.get("name")
        if not isinstance(key, Mapping) or not key or not isinstance(name, str):
            raise BadInventory(
                f"Expected each declared index of {collection} to have a name and a key, found {dict(spec)}.",
                do="`drillyard mongodb indexes` writes them as they are.",
            )
        options = {
            option: _plain(value)
            for option, value in spec.items()
            if option not in _SAYS_NOTHING and not (option in _FLAGS and not value)
        }
        return cls(collection, name, tuple((str(path), _plain(how)) for path, how in key.items()), options)

    @property
    def place(self) -> tuple[str, str]:
        """The database and the collection."""
        database, _, collection = self.collection.partition(".")
        return database, collection

    @property
    def ordered(self) -> bool:
        """Whether its keys are plain orders: it can be scanned then, and another can stand in for it."""
        return all(how in (1, -1) and "$**" not in path for path, how in self.keys)

    @property
    def spec(self) -> dict[str, Any]:
        """What createIndexes takes."""
        return {"name": self.name, "key": dict(self.keys), **self.options}

    @property
    def covers(self) -> dict[str, Any]:
        """The filter of the documents that belong in it; empty means all of them."""
        if partial := self.options.get("partialFilterExpression"):
            return dict(partial)
        if self.options.get("sparse"):
            return {"$or": [{path: {"$exists": True}} for path, _ in self.keys]}
        return {}

    def stand_in(self) -> Definition:
        """Return one that serves the same queries under another name: the same keys, and `_id` behind them.

        Two indexes cannot have the same keys; this one has all that comes first.
        """
        kept = ("partialFilterExpression", "sparse", "collation")
        options = {option: value for option, value in self.options.items() if option in kept}
        keys = self.keys if any(path == "_id" for path, _ in self.keys) else (*self.keys, ("_id", 1))
        return Definition(self.collection, self.name + OURS, keys, options)

    def differences(self, found: Definition) -> tuple[str, ...]:
        """Return in what `found` is not what it is meant to be, in words."""
        wrong = []
        if found.keys != self.keys:
            wrong.append(f"its keys are {_shown(found.keys)}, not {_shown(self.keys)}")
        for option in sorted({*self.options, *found.options}):
            meant, is_ = self.options.get(option), found.options.get(option)
            if not _same(meant, is_):
                wrong.append(f"{option} is {_said(is_)} instead of {_said(meant)}")
        return tuple(wrong)


def definitions(declared: Specs) -> Iterator[Definition]:
    """Yield every declared index but those on `_id`, which no server lets anybody change."""
    for collection, specs in declared.items():
        for spec in specs:
            found = Definition.of(collection, spec)
            if found.keys != (("_id", 1),):
                yield found


def _plain(value: Any) -> Any:
    """Return numbers that are whole as int, however a driver or a shell wrote them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, bool):
        return value
    if isinstance(value, float | int) and int(value) == value:
        return int(value)
    return value


def _same(meant: Any, found: Any) -> bool:
    if isinstance(meant, Mapping) and isinstance(found, Mapping):
        # A server fills in what a collation leaves open.
        return all(_same(value, found.get(key)) for key, value in meant.items())
    if isinstance(meant, str) and not isinstance(found, str | None):
        # So a date or an id stood in files that were written before they were extended JSON.
        return meant == str(found)
    return bool(meant == found)


def _shown(keys: Iterable[tuple[str, Any]]) -> str:
    return "{" + ", ".join(f"{path}: {how}" for path, how in keys) + "}"


def _said(value: Any) -> str:
    return "not set" if value is None else str(value)
