"""Documents as they should be, summed up and picked out: a sink that needs no server and little memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TypeAlias

from agent.pitr.elements import id_of
from agent.pitr.lives import Life
from agent.pitr.passing import Passing

Place: TypeAlias = "tuple[str, bytes]"
"""A namespace, and an element `_id` as bytes."""

_ALL = (1 << 128) - 1


@dataclass
class Sum:
    """How many documents there are, and a sum of their hashes that no order alters.

    `passing` are the hashes of others, which go by themselves, each with the time from which it may be gone.
    """

    documents: int = 0
    hashes: int = 0
    passing: dict[bytes, float] = field(default_factory=dict)

    def take(self, documents: list[bytes], passing: Iterable[tuple[bytes, float]] = ()) -> None:
        """Add documents."""
        total = 0
        for each in documents:
            total += int.from_bytes(_hash(each), "little")
        self.hashes = (self.hashes + total) & _ALL
        self.documents += len(documents)
        self.passing |= {_hash(each): when for each, when in passing}

    def add(self, other: Sum) -> None:
        """Add another's."""
        self.hashes = (self.hashes + other.hashes) & _ALL
        self.documents += other.documents
        self.passing |= other.passing


def _hash(document: bytes) -> bytes:
    return blake2b(document, digest_size=16).digest()


@dataclass
class Told:
    """What a process summed up and picked out."""

    sums: dict[str, Sum] = field(default_factory=dict)
    picked: dict[Place, bytes] = field(default_factory=dict)

    def add(self, other: Told) -> None:
        """Add another's."""
        for namespace, each in other.sums.items():
            self.sums.setdefault(namespace, Sum()).add(each)
        self.picked |= other.picked


class Summer:
    """A sink that sums up every document, where it is to, and keeps those of some places."""

    def __init__(
        self, wanted: Mapping[str, frozenset[bytes]], passing: Passing | None = None, *, sums: bool
    ) -> None:
        """`wanted` are elements `_id` by namespace; `passing` tells what is summed up apart."""
        self._wanted = wanted
        self._passing = passing or Passing()
        self._sums = sums
        self._told = Told()

    def take(self, life: Life, documents: list[bytes]) -> None:
        """Sum up and pick out."""
        namespace = life.namespace
        if self._sums:
            self._told.sums.setdefault(namespace, Sum()).take(*self._passing.apart(namespace, documents))
        wanted = self._wanted.get(namespace)
        if wanted:
            for each in documents:
                key = id_of(each)
                if key in wanted:
                    self._told.picked[namespace, key] = each

    def told(self) -> Told:
        """Return what came since this was asked last."""
        told, self._told = self._told, Told()
        return told

    def close(self) -> None:
        """There is nothing to let go of."""
