"""One piece of the log: raw change events in zstd, sealed under a checksum, naming the piece before.

A segment is a zstd stream of BSON documents. The first says where it belongs and the checksum of the one
before; then events as the server sent them, and between them records of our own (their first key is `_ctl`);
the last, once it is sealed, says how far it goes. `zstd -d` and any BSON reader open it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bson
import zstandard
from bson import Timestamp

from agent.errors import BackupDamaged
from agent.pitr import instant
from agent.pitr.elements import EMPTY

OPEN = "open.zst"
CONTROL = b"_ctl\0"
_NAME = re.compile(r"(\d{8})-(\d+)\.(\d+)-(\d+)\.(\d+)\.zst")
_CHUNK = 1 << 20
_LARGEST = 1 << 26
_BUFFER = 8 << 20


@dataclass(frozen=True)
class Sealed:
    """What stands beside a sealed segment: its place in the chain and how far it goes.

    `first` and `last` are cluster times of its events; every event up to `complete` is in it or before it.
    """

    n: int
    timeline: str
    sha256: str
    before: str
    first: str
    last: str
    complete: str
    events: int
    stored: int
    bytes: int


@dataclass(frozen=True)
class Segment:
    """A segment file by its name; nothing of it has been read."""

    path: Path
    n: int
    first: Timestamp
    last: Timestamp

    @classmethod
    def of(cls, path: Path) -> Segment | None:
        """Return the segment of that name, or None where it is the name of something else."""
        found = _NAME.fullmatch(path.name)
        if not found:
            return None
        n, *rest = map(int, found.groups())
        return cls(path, n, Timestamp(rest[0], rest[1]), Timestamp(rest[2], rest[3]))

    def sealed(self) -> Sealed:
        """Return what stands beside it.

        Raises:
            BackupDamaged: nothing does, or it cannot be read.
        """
        beside = self.path.with_suffix(".json")
        try:
            return Sealed(**json.loads(beside.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise BackupDamaged(
                f"Segment {self.path.name}: expected its checksum in {beside.name}, found {error}."
            ) from None

    def check(self, before: str | None) -> Sealed:
        """Return its seal after comparing every byte with it; `before` is the checksum it must name.

        Raises:
            BackupDamaged: it is missing, altered, or does not follow from the one before.
        """
        seal = self.sealed()
        try:
            with self.path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BackupDamaged(f"Segment {self.path.name} cannot be read: {error.strerror}.") from None
        if found != seal.sha256:
            raise BackupDamaged(
                f"Segment {self.path.name}: expected the SHA-256 {seal.sha256[:12]}…, found {found[:12]}…."
            )
        if before is not None and seal.before != before:
            raise BackupDamaged(
                f"Segment {self.path.name} does not follow from the one before: it names "
                f"{seal.before[:12] or 'none'}…, found {before[:12] or 'none'}…."
            )
        return seal


class Writer:
    """The segment that is being written; what was added is on disk after `flush`."""

    def __init__(self, folder: Path, n: int, timeline: str, before: str, level: int = 3) -> None:
        """Begin `open.zst` in `folder`; there must be none."""
        self.n, self.timeline, self.before = n, timeline, before
        self.events = self.bytes = self.stored = 0
        self.first: Timestamp | None = None
        self.last: Timestamp | None = None
        self.complete: Timestamp | None = None
        self._folder = folder
        self._pending: list[bytes] = []
        self._held = 0
        self._hash = hashlib.sha256()
        self._zstd = zstandard.ZstdCompressor(level=level, write_checksum=True).compressobj()
        self._file = (folder / OPEN).open("xb", buffering=0)
        self.note("head", v=1, timeline=timeline, n=n, before=before)
        self.flush()
        _sync(folder)

    def add(self, event: bytes, at: Timestamp) -> None:
        """Add an event as the server sent it."""
        self._pending.append(event)
        if self.first is None:
            self.first = at
        elif self.last is not None and at > self.last:
            # What shares a cluster time may still be on its way; all of what came before is here.
            self.complete = self.last
        self.last = at
        self.events += 1
        self.bytes += len(event)
        self._held += len(event)
        if self._held >= _BUFFER:
            self._write(self._zstd.compress(b"".join(self._pending)))
            self._pending.clear()
            self._held = 0

    def note(self, what: str, **said: Any) -> None:
        """Add a record of our own."""
        self._pending.append(bson.encode({"_ctl": what, **said}))

    def copy(self, record: bytes, at: Timestamp | None) -> None:
        """Take over a record of a segment that was cut off: an event and its cluster time, or one of ours."""
        if at is not None:
            self.add(record, at)
            return
        said = bson.decode(record)
        if said["_ctl"] == "mark":
            self.complete = said["complete"]
        if said["_ctl"] != "head":
            self._pending.append(record)

    def settle(self, token: Any) -> None:
        """Note that the server had no more to tell: the last cluster time is complete."""
        if self.last is not None and self.complete != self.last:
            self.complete = self.last
            self.note("mark", complete=self.complete, token=token)

    def flush(self) -> None:
        """Have everything on disk."""
        if not self._pending:
            return
        data = self._zstd.compress(b"".join(self._pending))
        self._write(data + self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        self._pending.clear()
        self._held = 0
        os.fdatasync(self._file.fileno())

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        self._hash.update(data)
        self.stored += len(data)

    def seal(self) -> Sealed | None:
        """End it under its final name and return its seal; one without events is removed, None returned."""
        if self.first is None or self.last is None:
            self._file.close()
            (self._folder / OPEN).unlink()
            return None
        complete = self.complete or instant.below(self.first)
        self.note("foot", events=self.events, first=self.first, last=self.last, complete=complete)
        self.flush()
        self._write(self._zstd.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))
        os.fsync(self._file.fileno())
        self._file.close()
        seal = Sealed(
            n=self.n,
            timeline=self.timeline,
            sha256=self._hash.hexdigest(),
            before=self.before,
            first=instant.show(self.first),
            last=instant.show(self.last),
            complete=instant.show(complete),
            events=self.events,
            stored=self.stored,
            bytes=self.bytes,
        )
        first, last = self.first, self.last
        final = self._folder / f"{self.n:08d}-{first.time}.{first.inc}-{last.time}.{last.inc}.zst"
        # The seal first: a segment under its final name always has one.
        write_whole(final.with_suffix(".json"), json.dumps(asdict(seal), indent=1).encode())
        (self._folder / OPEN).rename(final)
        _sync(self._folder)
        return seal


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all, and have it on disk."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def documents(path: Path, *, torn: bool = False) -> Iterator[bytes]:
    """Yield every BSON document of a zstd file; with `torn` end quietly where it was cut off.

    Raises:
        BackupDamaged: it cannot be read to its end.
    """
    rest: bytes = b""
    try:
        with path.open("rb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
            while chunk := reader.read(_CHUNK):
                data: bytes = rest + chunk if rest else chunk
                at, end = 0, len(data)
                while at + 4 <= end:
                    size = int.from_bytes(data[at : at + 4], "little")
                    if not len(EMPTY) <= size <= _LARGEST:
                        raise BackupDamaged(f"{path.name}: expected BSON, found other bytes in it.")
                    if at + size > end:
                        break
                    yield data[at : at + size]
                    at += size
                rest = data[at:]
    except zstandard.ZstdError as error:
        if torn:
            return
        raise BackupDamaged(f"{path.name} cannot be decompressed: {error}.") from None
    except OSError as error:
        raise BackupDamaged(f"{path.name} cannot be read: {error.strerror}.") from None
    if rest and not torn:
        raise BackupDamaged(f"{path.name} ends in the middle of a document.")


def is_control(record: bytes) -> bool:
    """Return whether a record is one of ours and no event."""
    return record[5:10] == CONTROL
