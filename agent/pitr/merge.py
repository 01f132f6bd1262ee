"""Base and log become the documents of a moment, in parallel, without asking any server.

First every piece of the base: documents without changes pass through as the bytes they are, the others are
laid aside in the bucket of their hash. Then every bucket: documents meet their changes.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import zstandard

from agent.errors import BackupDamaged
from agent.pitr.elements import id_of
from agent.pitr.fold import fold, stands_alone
from agent.pitr.lives import Life
from agent.pitr.manifest import Manifest
from agent.pitr.plan import Plan, spot

_LENGTH = struct.Struct("<i").unpack_from
_LIFE = struct.Struct("<H")
_HEAD = struct.Struct("<Hi")
_BUFFER = 1 << 20
_HELD = 8 << 20
_TOLD = 10
# Where the element _id ends in a document that begins with one of a fixed size.
_ENDS = {0x07: 21, 0x10: 13, 0x12: 17, 0x01: 17, 0x09: 17}


class Sink(Protocol):
    """Where documents go to; each process has one of its own."""

    def take(self, life: Life, documents: list[bytes]) -> None:
        """Have some documents of a collection in their place."""

    def told(self) -> Any:
        """Return what there is to say of what was taken since this was asked last."""

    def close(self) -> None:
        """Let go of what it holds; there is no more."""


@dataclass
class Tally:
    """What was merged. `orphans` have updates in the log, and no document that they could be of."""

    documents: Counter[int] = field(default_factory=Counter)
    sizes: Counter[int] = field(default_factory=Counter)
    passed: int = 0
    folded: int = 0
    orphans: int = 0
    named: list[str] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add another's."""
        self.documents.update(other.documents)
        self.sizes.update(other.sizes)
        self.passed += other.passed
        self.folded += other.folded
        self.orphans += other.orphans
        self.named = (self.named + other.named)[:_TOLD]
        self.told += other.told


@dataclass(frozen=True)
class Piece:
    """A stretch of a file of documents: a zstd frame of a base, or BSON as it is."""

    life: int
    path: Path
    at: int
    stored: int
    holds: int
    packed: bool = True

    def read(self) -> bytes:
        """Return its documents, one behind the other.

        Raises:
            BackupDamaged: they cannot be read.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(self.at)
                data = file.read(self.stored)
            if self.packed:
                data = zstandard.ZstdDecompressor().decompress(data, max_output_size=self.holds)
        except (OSError, zstandard.ZstdError) as error:
            raise BackupDamaged(f"{self.path.name} cannot be read at byte {self.at}: {error}.") from None
        return data


def pieces_of(manifest: Manifest, lives: Mapping[int, Life]) -> list[Piece]:
    """Return the pieces of a base that living collections stem from; each file's checksum is compared.

    Raises:
        BackupDamaged: a file is missing or altered.
    """
    by_source = {life.source: life for life in lives.values() if life.source}
    found: list[Piece] = []
    for heap in manifest.heaps:
        life = by_source.get(heap.namespace)
        if life is not None:
            path = manifest.check(heap)
            found += [Piece(life.n, path, each.at, each.stored, each.bytes) for each in heap.frames]
    return found


class Merger:
    """One process's part of it."""

    def __init__(self, plan: Plan, sink: Sink, name: str) -> None:
        """`name` is this process's own among those that work on the plan."""
        self._plan = plan
        self._sink = sink
        self._name = name
        self._bitmap = plan.bitmap()
        self._tally = Tally()

    def close(self) -> None:
        """Let go of the sink."""
        self._sink.close()

    def pass_through(self, piece: Piece) -> Tally:
        """Go through a piece of the base; lay aside what has changes."""
        data = piece.read()
        life = self._plan.lives[piece.life]
        try:
            documents = self._sift(data, life) if life.n in self._plan.touched else split(data)
        except struct.error:
            raise BackupDamaged(f"{piece.path.name} is no BSON at byte {piece.at}.") from None
        self._tally.passed += len(documents)
        self._give(life, documents)
        return self._result()

    def _sift(self, data: bytes, life: Life) -> list[bytes]:
        """Return the documents that have no changes, and write the others to their buckets."""
        aside: dict[int, list[bytes]] = defaultdict(list)
        documents: list[bytes] = []
        at, end, n = 0, len(data), life.n
        length, ends, bitmap, mask = _LENGTH, _ENDS, self._bitmap, self._plan.mask
        head = _LIFE.pack(n)
        while at < end:
            after = at + length(data, at)[0]
            stop = ends.get(data[at + 4]) if data[at + 5 : at + 9] == b"_id\0" else None
            key = data[at + 4 : at + stop] if stop else id_of(data[at:after])
            place = spot(key, n)
            bit = place & mask
            if bitmap[bit >> 3] >> (bit & 7) & 1:
                aside[place % self._plan.buckets].append(head + data[at:after])
            else:
                documents.append(data[at:after])
            at = after
        for bucket, parts in aside.items():
            with (self._plan.folder / f"base-{bucket}-{self._name}").open("ab") as file:
                file.write(b"".join(parts))
        return documents

    def meet(self, bucket: int) -> Tally:
        """Have the documents of a bucket meet their changes."""
        changes: dict[int, dict[bytes, Any]] = dict(self._plan.changes(bucket))
        held: dict[int, list[bytes]] = defaultdict(list)
        for n, document in self._aside(bucket):
            of_life = changes.get(n, {})
            key = id_of(document)
            found = of_life.get(key, ())
            if found is None:
                # Deleted and made again while the base was taken, it was read twice: it is told already.
                continue
            if found:
                of_life[key] = None
                self._tally.folded += 1
                after = fold(document, found)
                if after is not None:
                    self._hold(held, n, after)
            else:
                self._tally.passed += 1
                self._hold(held, n, document)
        for n, of_life in changes.items():
            for found in of_life.values():
                if found is not None:
                    self._rest(held, n, found)
        for n, documents in held.items():
            self._give(self._plan.lives[n], documents)
        return self._result()

    def _rest(self, held: dict[int, list[bytes]], n: int, found: list[tuple[int, bytes]]) -> None:
        """Bring about a document that the base does not have."""
        if not stands_alone(found):
            self._tally.orphans += 1
            self._tally.named = [*self._tally.named, self._plan.lives[n].namespace][:_TOLD]
            return
        document = fold(None, found)
        self._tally.folded += 1
        if document is not None:
            self._hold(held, n, document)

    def _hold(self, held: dict[int, list[bytes]], n: int, document: bytes) -> None:
        held[n].append(document)
        # Looked at now and then: a sum on every document would cost more than it saves.
        look = len(held[n]) % 4_000 == 0 or len(document) > 1 << 20
        if look and (sum(map(len, held[n])) >= _HELD or len(held[n]) >= 32_000):
            self._give(self._plan.lives[n], held[n])
            held[n] = []

    def _aside(self, bucket: int) -> Iterator[tuple[int, bytes]]:
        """Yield what was laid aside for a bucket: the life's number and the document."""
        for path in self._plan.folder.glob(f"base-{bucket}-*"):
            # Read by the document: all of them together may be far larger than their changes.
            with path.open("rb", _BUFFER) as file:
                while head := file.read(_HEAD.size):
                    n, length = _HEAD.unpack(head)
                    yield n, head[_LIFE.size :] + file.read(length - 4)
            path.unlink()

    def _give(self, life: Life, documents: list[bytes]) -> None:
        if documents:
            self._tally.documents[life.n] += len(documents)
            self._tally.sizes[life.n] += sum(map(len, documents))
            self._sink.take(life, documents)

    def _result(self) -> Tally:
        tally, self._tally = self._tally, Tally()
        tally.told.append(self._sink.told())
        return tally


def split(data: bytes) -> list[bytes]:
    """Return the documents that stand one behind the other in `data`."""
    documents = []
    at, end, length = 0, len(data), _LENGTH
    while at < end:
        after = at + length(data, at)[0]
        documents.append(data[at:after])
        at = after
    return documents
