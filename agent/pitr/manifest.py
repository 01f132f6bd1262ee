"""What a base holds: its moments, each collection's file with its checksum and frames, and the catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
from bson import Timestamp

from agent.errors import BackupDamaged
from agent.pitr import instant
from agent.pitr.catalog import Entry, entry_of, from_json
from agent.pitr.segment import write_whole


@dataclass(frozen=True)
class Frame:
    """A stretch of a file that is a zstd frame by itself: where, how many bytes, and what is in it."""

    at: int
    stored: int
    documents: int
    bytes: int


@dataclass(frozen=True)
class Heap:
    """All documents of a collection in natural order: mongodump's .bson, compressed frame by frame."""

    namespace: str
    file: str
    sha256: str
    documents: int
    bytes: int
    stored: int
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Manifest:
    """A base. Changes after `start` are not surely in it, none after `end` is: usable from `end` on."""

    id: str
    timeline: str
    start: str
    end: str
    taken_at: str
    seconds: float
    server: str
    heaps: tuple[Heap, ...]
    catalog: list[Any]
    accounts: dict[str, Any] = field(default_factory=dict)
    folder: str = ""

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Return the manifest of a base.

        Raises:
            BackupDamaged: it cannot be read, or is not as it was written.
        """
        path = folder / "manifest.json"
        try:
            sum_, _, content = path.read_bytes().partition(b"\n")
            found = msgspec.json.decode(content, type=cls)
        except (OSError, msgspec.DecodeError) as error:
            raise BackupDamaged(f"Base {folder.name}: manifest.json cannot be read: {error}.") from None
        if sum_ != _sum(content):
            raise BackupDamaged(f"Base {folder.name}: manifest.json is not as it was written.")
        return replace(found, folder=str(folder))

    def write(self, folder: Path) -> None:
        """Write it: from then on there is a base."""
        content = msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"
        write_whole(folder / "manifest.json", _sum(content) + b"\n" + content)

    def started(self) -> Timestamp:
        """Return the moment from which changes have to be replayed over it."""
        return instant.read(self.start)

    def ended(self) -> Timestamp:
        """Return the first moment it can be restored to."""
        return instant.read(self.end)

    def entries(self) -> Iterator[Entry]:
        """Yield the collections it found."""
        for each in self.catalog:
            yield entry_of(from_json(each))

    def check(self, heap: Heap) -> Path:
        """Return a collection's file after comparing every byte with its checksum.

        Raises:
            BackupDamaged: it is missing or altered.
        """
        path = Path(self.folder) / heap.file
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise BackupDamaged(f"Base {self.id}: {heap.file} cannot be read: {error.strerror}.") from None
        if found != heap.sha256:
            raise BackupDamaged(
                f"Base {self.id}: {heap.file} should have the SHA-256 {heap.sha256[:12]}…, "
                f"found {found[:12]}…."
            )
        return path


def _sum(content: bytes) -> bytes:
    return b"sha256 " + hashlib.sha256(content).hexdigest().encode()
