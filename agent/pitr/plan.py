"""The log sorted for a restore: who lives at the moment, and every change in the bucket of its document.

Memory is bounded whatever the size: changes go to files by a hash of their document, one bucket of which is
held at a time; a bitmap says which documents of the base have any, so that all others pass straight through.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

from bson import Timestamp

from agent.errors import NoRoom
from agent.pitr.elements import id_of
from agent.pitr.fold import ALTER, PUT, REMOVE
from agent.pitr.lives import Life, Lives
from agent.pitr.log import CATALOG, Change, prove, read
from agent.pitr.reach import Way
from agent.pitr.server import NOT_DATA
from agent.pitr.store import Store

BUCKET = 48 << 20
"""Bytes of changes that a bucket is meant to have; a worker holds one, in about three times its size."""

_HEAD = struct.Struct("<IIHB")
_BUFFERED = 4 << 20
_SMALLEST, _LARGEST = 20, 29
_KINDS = {"insert": PUT, "replace": PUT, "update": ALTER, "delete": REMOVE}


@dataclass(frozen=True)
class Plan:
    """A restore as it will be: `lives` are the living, by number; the rest lies in the files of `folder`."""

    folder: Path
    lives: dict[int, Life]
    buckets: int
    mask: int
    events: int
    touched: frozenset[int]
    warnings: tuple[str, ...] = ()

    def changes(self, bucket: int) -> dict[int, dict[bytes, list[tuple[int, bytes]]]]:
        """Return the changes of a bucket, by life and document, in their order."""
        found: dict[int, dict[bytes, list[tuple[int, bytes]]]] = defaultdict(dict)
        data = (self.folder / f"log-{bucket}").read_bytes()
        at, end, size = 0, len(data), _HEAD.size
        living = self.lives
        while at < end:
            key_size, payload_size, life, kind = _HEAD.unpack_from(data, at)
            at += size
            middle = at + key_size
            after = middle + payload_size
            if life in living:
                change = (kind, data[middle:after])
                found[life].setdefault(data[at:middle], []).append(change)
            at = after
        return found

    def bitmap(self) -> bytes:
        """Return which documents have changes, as a bit for each value of their hash."""
        return (self.folder / "bitmap").read_bytes()


def spot(key: bytes, life: int) -> int:
    """Return the hash of a document of a life: its bucket and its bit hang on it."""
    return crc32(key, life)


@dataclass
class _Sorter:
    """Changes on their way into the buckets."""

    folder: Path
    buckets: int
    mask: int
    bitmap: bytearray
    held: dict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    size: int = 0
    touched: set[int] = field(default_factory=set)

    def put(self, life: int, change: Change) -> None:
        """Sort one change in."""
        event = change.event
        kind = _KINDS[change.kind]
        key = id_of(bytes(event["documentKey"].raw))
        if kind == PUT:
            payload = bytes(event["fullDocument"].raw)
        elif kind == ALTER:
            payload = bytes(event["updateDescription"].raw)
        else:
            payload = b""
        place = spot(key, life)
        bit = place & self.mask
        self.bitmap[bit >> 3] |= 1 << (bit & 7)
        self.held[place % self.buckets].append(_HEAD.pack(len(key), len(payload), life, kind) + key + payload)
        self.touched.add(life)
        self.size += len(payload) + len(key)
        if self.size >= _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Append what is held to its buckets."""
        for bucket, parts in self.held.items():
            with (self.folder / f"log-{bucket}").open("ab") as file:
                file.write(b"".join(parts))
        self.held.clear()
        self.size = 0


def make_plan(way: Way, folder: Path, workers: int) -> Plan:
    """Sort the log between a base and a moment into `folder`; its chain is proved first.

    Raises:
        BackupDamaged: a segment is missing or damaged; the sentence names it.
        NoRoom: the folder's volume is full.
    """
    prove(way.span)
    weight = sum(each.sealed().bytes for each in way.span.segments)
    if way.span.open is not None:
        with suppress(FileNotFoundError):
            weight += 8 * way.span.open.stat().st_size
    buckets = max(workers, 1, -(-weight // BUCKET))
    # A bit for each of eight changes of a hundred bytes, so that few others share one by chance.
    bits = min(max(_SMALLEST, (weight // 12).bit_length()), _LARGEST)
    sorter = _Sorter(folder, buckets, (1 << bits) - 1, bytearray(1 << (bits - 3)))
    lives = Lives(way.base.entries())
    try:
        for bucket in range(buckets):
            (folder / f"log-{bucket}").touch()
        events = _sort(way, lives, sorter)
        sorter.flush()
        (folder / "bitmap").write_bytes(sorter.bitmap)
    except OSError as error:
        raise NoRoom(f"The log cannot be sorted in {folder}: {error.strerror}.") from None
    return Plan(
        folder=folder,
        lives={life.n: life for life in lives.living},
        buckets=buckets,
        mask=sorter.mask,
        events=events,
        touched=frozenset(sorter.touched),
        warnings=tuple(f"what was set is known from its event alone: {each}" for each in lives.unsure),
    )


def _sort(way: Way, lives: Lives, sorter: _Sorter) -> int:
    events = 0
    for change in read(way.span, way.base.started()):
        if change.db in NOT_DATA or change.name.startswith("system."):
            continue
        if change.at > way.at:
            if not lives.wants:
                break
            lives.behind(change)
        elif change.kind in _KINDS:
            sorter.put(lives.of(change.db, change.name).n, change)
            events += 1
        elif change.kind == CATALOG:
            lives.learn(change)
        else:
            lives.heed(change)
            events += 1
    return events


def last_change(way: Way) -> Timestamp:
    """Return the time of the last change at or before a way's moment."""
    return max((each.at for each in read(way.span, way.base.started()) if each.at <= way.at), default=way.at)


@contextmanager
def workplace(store: Store) -> Iterator[Path]:
    """Give a folder for what a restore sorts: in the store where that can be written to, else in TMPDIR.

    What a killed restore left there is removed.
    """
    for left in store.path.glob("work-*"):
        if not Path(f"/proc/{left.name.split('-')[1]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    inside = store.path if os.access(store.path, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix=f"work-{os.getpid()}-", dir=inside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
