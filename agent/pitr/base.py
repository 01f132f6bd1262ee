"""A base: every collection read once, in natural order, while the server is in use and captured.

It is fuzzy: what is read late holds changes that what was read early does not. The log makes it exact, for
any moment from the base's end on: changes after its start are replayed over it, and replaying one that is in
it already leads to the same document in the end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import zstandard
from bson import Timestamp
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern

from agent.errors import NoRoom, NotInTime, Refused, StepFailed
from agent.pitr import instant
from agent.pitr.catalog import VIEW, Entry, accounts, as_json, catalog
from agent.pitr.log import changes
from agent.pitr.manifest import Frame, Heap, Manifest
from agent.pitr.model import CaptureStatus
from agent.pitr.server import Client, connect, now_of, words
from agent.pitr.store import Store, Timeline

_FRAME = 32 << 20
_CUT_OFF = {11601, 175, 26, 43}
_TRIES = 3


def take(uri: str, store: Store, *, threads: int = 2, patience: float = 60) -> Manifest:
    """Take a base of the timeline that is being captured.

    Raises:
        Refused: nothing is being captured, so no log would make the base exact.
        NoRoom: the store's volume is full.
        NotInTime: the capture did not come as far as the base within `patience` seconds.
        StepFailed: collections were renamed during each of several tries.
    """
    for _ in range(_TRIES):
        taken = _once(uri, store, threads, patience)
        if taken is not None:
            return taken
    raise StepFailed(
        f"Expected a base in {_TRIES} tries, found a collection renamed during each.",
        do="Take one while nothing is being renamed: drillyard mongodb base.",
    )


def _once(uri: str, store: Store, threads: int, patience: float) -> Manifest | None:
    status = _running(store, patience)
    timeline = store.timeline(status.timeline)
    start = instant.read(status.captured_up_to)
    name = time.strftime("b%Y%m%dT%H%M%SZ", time.gmtime())
    folder = timeline.base / name
    _clear(timeline)
    client = connect(uri)
    begun = time.monotonic()
    try:
        folder.mkdir(parents=True, mode=0o700)
        with words("The server"):
            found = catalog(client)
            users = accounts(client)
            with ThreadPoolExecutor(threads) as pool:
                data = [each for each in found if each.kind != VIEW]
                heaps = tuple(pool.map(lambda entry: _read(client, entry, folder), data))
            end = now_of(client)
            version = str(client.server_info()["version"])
        _await(store, timeline, end, patience)
    except OSError as error:
        raise NoRoom(f"The base cannot be written to {folder}: {error.strerror}.") from None
    finally:
        client.close()
    if _renamed(timeline, start, end):
        shutil.rmtree(folder)
        return None
    manifest = Manifest(
        id=name,
        timeline=timeline.id,
        start=instant.show(start),
        end=instant.show(end),
        taken_at=instant.utc(end),
        seconds=round(time.monotonic() - begun, 3),
        server=version,
        heaps=heaps,
        catalog=[as_json(vars(entry)) for entry in found],
        accounts=as_json(users),
        folder=str(folder),
    )
    manifest.write(folder)
    return manifest


def _running(store: Store, patience: float) -> CaptureStatus:
    """Return the status of the running capture, once it has captured something."""
    quiet, limit = threading.Event(), time.monotonic() + patience
    while True:
        status = store.status()
        if not store.held() or not status.running:
            raise Refused(
                "Expected a running capture, found none: without its log a base is not exact.",
                do="Start it: drillyard capture.",
            )
        if status.captured_up_to:
            return status
        if time.monotonic() > limit:
            raise NotInTime(
                f"Waited {patience:g} s until anything is captured.",
                do="See that the heartbeat can be written: readWrite on the database dr_agent.",
            )
        quiet.wait(0.1)


def _clear(timeline: Timeline) -> None:
    """Throw away what a base that was cut off left."""
    for folder in timeline.base.glob("*"):
        if not (folder / "manifest.json").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _read(client: Client, entry: Entry, folder: Path) -> Heap:
    """Read one collection into its file, again where its cursor was cut off."""
    for left in (2, 1, 0):
        try:
            return _copy(client, entry, folder)
        except OperationFailure as error:
            if error.code not in _CUT_OFF or not left:
                raise
    raise AssertionError("unreachable")


def _copy(client: Client, entry: Entry, folder: Path) -> Heap:
    file = f"{quote(entry.db, safe='')}.{quote(entry.name, safe='')}.bson.zst"
    source = client[entry.db].get_collection(entry.name, read_concern=ReadConcern("majority"))
    digest, frames, at = hashlib.sha256(), [], 0
    with (folder / file).open("wb", buffering=0) as out:
        cursor: Any = source.find_raw_batches({}, hint=[("$natural", 1)], batch_size=5000)
        for batches in _frames(cursor):
            data = b"".join(batches)
            # With its size written in it, so that reading it needs one allocation.
            packed = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data)
            _write(out, packed)
            digest.update(packed)
            frames.append(Frame(at, len(packed), _count(data), len(data)))
            at += len(packed)
        os.fsync(out.fileno())
    return Heap(
        namespace=entry.namespace,
        file=file,
        sha256=digest.hexdigest(),
        documents=sum(frame.documents for frame in frames),
        bytes=sum(frame.bytes for frame in frames),
        stored=at,
        frames=tuple(frames),
    )


def _frames(cursor: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Gather batches into stretches of about the size of a frame."""
    gathered: list[bytes] = []
    size = 0
    for batch in cursor:
        gathered.append(batch)
        size += len(batch)
        if size >= _FRAME:
            yield gathered
            gathered, size = [], 0
    if gathered:
        yield gathered


def _write(out: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[out.write(view) :]


def _count(data: bytes) -> int:
    at = count = 0
    while at < len(data):
        at += int.from_bytes(data[at : at + 4], "little")
        count += 1
    return count


def _await(store: Store, timeline: Timeline, end: Timestamp, patience: float) -> None:
    """Wait until the log has everything that the base may hold."""
    quiet = threading.Event()
    limit = time.monotonic() + patience
    while True:
        status = store.status()
        if status.timeline != timeline.id:
            raise Refused("The history that the base belongs to ended while it was taken.")
        if status.captured_up_to and instant.read(status.captured_up_to) >= end:
            return
        if time.monotonic() > limit:
            raise NotInTime(
                f"Waited {patience:g} s until the capture reaches {instant.show(end)}; it stands at "
                f"{status.captured_up_to or 'nothing'}."
            )
        quiet.wait(0.1)


def _renamed(timeline: Timeline, start: Timestamp, end: Timestamp) -> bool:
    """Return whether a collection was renamed meanwhile: then it may have been read under neither name."""
    return any(change.kind == "rename" for change in changes(timeline, start, end))
