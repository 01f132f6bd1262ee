"""What an update event did, done to the bytes of a document. Total: no path is too odd for it.

In the window in which a base is taken, a document may already be newer than the event that is applied to
it, so a path may lead through what is no document or array any more. Such a step makes what it needs or does
nothing; a later event of the same window puts it right (a property the tests try, as the server's updates
are full assignments of paths).
"""

from __future__ import annotations

from typing import TypeAlias

import bson

from agent.pitr.elements import ARRAY, DOCUMENT, EMPTY, document, element, fields, inner, text, value

# The server itself pads an array by no more.
_PADDING = 1_500_000
_NULL = b"\x0a\0"

Part: TypeAlias = "bytes | Branch"
Path: TypeAlias = "tuple[bytes | int, ...]"


class Branch:
    """A document or array that is being altered: elements as bytes, or branches where a path led in."""

    __slots__ = ("fields", "items")

    def __init__(self, raw: bytes, *, is_array: bool = False) -> None:
        """Take apart one level of a document's or array's bytes."""
        self.fields: dict[bytes, Part] = {}
        self.items: list[Part] | None = None
        if is_array:
            self.items = list(fields(raw).values())
        else:
            self.fields = {**fields(raw)}

    def raw(self) -> bytes:
        """Return its bytes."""
        if self.items is None:
            return document(
                [part if isinstance(part, bytes) else part.named(name) for name, part in self.fields.items()]
            )
        return document(
            [
                element(b"%d" % n, part) if isinstance(part, bytes) else part.named(b"%d" % n)
                for n, part in enumerate(self.items)
            ]
        )

    def named(self, name: bytes) -> bytes:
        """Return it as an element of that name."""
        return bytes((DOCUMENT if self.items is None else ARRAY,)) + name + b"\0" + self.raw()

    def apply(self, description: bytes) -> None:
        """Alter this document as an event's `updateDescription` says."""
        parts = fields(description)
        known = _disambiguated(parts)
        for cut in inner(parts, b"truncatedArrays").values():
            said = fields(value(cut))
            where = self._find(_path(text(said[b"field"]), known))
            if isinstance(where, Branch) and where.items is not None:
                del where.items[int.from_bytes(value(said[b"newSize"])[:4], "little") :]
        for name in inner(parts, b"removedFields").values():
            self._remove(_path(text(name), known))
        for name, each in inner(parts, b"updatedFields").items():
            self._set(_path(name, known), each)

    def _find(self, path: Path) -> Part | None:
        """Return what lies at a path, opened where it can be; nothing is made."""
        here: Part | None = self
        for step in path:
            if not isinstance(here, Branch):
                return None
            here = here._open(step)
        return here

    def _open(self, step: bytes | int) -> Part | None:
        if self.items is None:
            name = _name(step)
            part = self.fields.get(name)
            if isinstance(part, bytes) and part[0] in (DOCUMENT, ARRAY):
                part = self.fields[name] = Branch(value(part), is_array=part[0] == ARRAY)
            return part
        n = _number(step)
        if n is None or n >= len(self.items):
            return None
        part = self.items[n]
        if isinstance(part, bytes) and part[0] in (DOCUMENT, ARRAY):
            part = self.items[n] = Branch(value(part), is_array=part[0] == ARRAY)
        return part

    def _put(self, step: bytes | int, part: Part) -> bool:
        """Assign one value here; False where there is no place of that name."""
        if self.items is None:
            name = _name(step)
            self.fields[name] = element(name, part) if isinstance(part, bytes) else part
            return True
        n = _number(step)
        if n is None or n > len(self.items) + _PADDING:
            return False
        self.items.extend([_NULL] * (n + 1 - len(self.items)))
        self.items[n] = part
        return True

    def _remove(self, path: Path) -> None:
        parent = self._find(path[:-1])
        if not isinstance(parent, Branch):
            return
        if parent.items is None:
            parent.fields.pop(_name(path[-1]), None)
        elif (n := _number(path[-1])) is not None and n < len(parent.items):
            parent.items[n] = _NULL

    def _set(self, path: Path, part: bytes) -> None:
        here = self
        for step in path[:-1]:
            there = here._open(step)
            if not isinstance(there, Branch):
                there = Branch(EMPTY)
                if not here._put(step, there):
                    return
            here = there
        here._put(path[-1], part)


def _name(step: bytes | int) -> bytes:
    return b"%d" % step if isinstance(step, int) else step


def _number(step: bytes | int) -> int | None:
    if isinstance(step, int):
        return step
    # Longer ones name no place of an array, and Python would refuse to read them.
    return int(step) if len(step) < 10 and step.isdigit() else None


def _path(name: bytes, known: dict[bytes, Path]) -> Path:
    return known.get(name) or tuple(name.split(b"."))


def _disambiguated(parts: dict[bytes, bytes]) -> dict[bytes, Path]:
    """Return the paths whose dots or numbers could be read in two ways, taken apart by the server."""
    said = inner(parts, b"disambiguatedPaths")
    if not said:
        return {}
    paths = bson.decode(document(said.values()))
    return {
        name.encode(): tuple(step if isinstance(step, int) else str(step).encode() for step in steps)
        for name, steps in paths.items()
    }
