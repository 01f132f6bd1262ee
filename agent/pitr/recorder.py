"""The end of a timeline's log: taken up after a crash, written to, sealed."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from agent.pitr import instant
from agent.pitr.segment import Sealed, Writer, documents, is_control
from agent.pitr.store import TORN, Timeline
from agent.pitr.stream import Gap, Token, heartbeat_of, time_of

DATA = frozenset({"insert", "update", "replace", "delete"})
_RECENT = 20_000


class Recorder:
    """Appends to a timeline. What a killed process left open is sealed first, as far as it was on disk.

    One thread adds, another has it on disk. `redefined` are collections whose definition changed, and of
    which no catalog was noted since.
    """

    def __init__(self, timeline: Timeline) -> None:
        """Take the log up where it ends."""
        self.timeline = timeline
        self.token: Token | None = None
        self.last: Timestamp | None = None
        self.complete: Timestamp | None = None
        self.beat = 0
        self.events = 0
        self.redefined: set[tuple[str, str]] = set()
        self._recent: dict[bytes, None] = {}
        self._lock = threading.RLock()
        sealed = timeline.segments()
        self.segments = len(sealed)
        self._seal: Sealed | None = sealed[-1].sealed() if sealed else None
        self._writer: Writer | None = None
        self._opened = 0.0
        if self._seal is not None:
            self._learn(sealed[-1].path)
        self._mend()

    def _learn(self, path: Path, *, torn: bool = False) -> None:
        """Find token, cluster time and heartbeat at the end of a segment."""
        for record in documents(path, torn=torn):
            self._heed(record)

    def _heed(self, record: bytes) -> Timestamp | None:
        if is_control(record):
            said = bson.decode(record)
            self.token = said.get("token") or self.token
            self.complete = said.get("complete", self.complete)
            if said["_ctl"] == "catalog":
                self.redefined.discard((said["db"], said["name"]))
            return None
        return self._heed_event(RawBSONDocument(record))

    def _heed_event(self, event: RawBSONDocument) -> Timestamp:
        at = time_of(event)
        if self.last is not None and at > self.last:
            self.complete = self.last
        self.last = at
        self.token = token = event["_id"]
        self._recent[bytes(token.raw)] = None
        if len(self._recent) > _RECENT:
            del self._recent[next(iter(self._recent))]
        ns = event.get("ns")
        if event["operationType"] not in DATA:
            # Some events are of no collection.
            if ns is not None:
                self.redefined.add((ns["db"], ns.get("coll", "")))
        elif beat := heartbeat_of(event):
            self.beat = beat[0]
        return at

    def _mend(self) -> None:
        """Seal what was being written when the last process ended without saying so."""
        torn, left = self.timeline.log / TORN, self.timeline.open
        if torn.exists():
            # It was killed while doing this.
            left.unlink(missing_ok=True)
        elif left.exists():
            left.rename(torn)
        else:
            return
        if self._sealed_already(torn):
            # It was killed between sealing what it had taken up and removing this.
            torn.unlink()
            return
        writer = self._begin()
        for record in documents(torn, torn=True):
            writer.copy(record, self._heed(record))
        self._writer = writer
        self.seal()
        torn.unlink()

    def _sealed_already(self, torn: Path) -> bool:
        head = next(documents(torn, torn=True), None)
        number = bson.decode(head).get("n", 0) if head is not None and is_control(head) else 0
        return self._seal is not None and 0 < number <= self._seal.n

    def _begin(self) -> Writer:
        before = self._seal
        self._opened = time.monotonic()
        number = before.n + 1 if before else 1
        return Writer(self.timeline.log, number, self.timeline.id, before.sha256 if before else "")

    @property
    def _open(self) -> Writer:
        if self._writer is None:
            self._writer = self._begin()
        return self._writer

    def add(self, event: RawBSONDocument) -> bool:
        """Add an event; False for one that was there already, as a server may send it again.

        Raises:
            Gap: it is older than the last one and was never there: everything up to that one was said to be
                on disk, so where it belongs it can no longer be put.
        """
        at = time_of(event)
        if self.last is not None and at < self.last:
            if bytes(event["_id"].raw) in self._recent:
                return False
            raise Gap(
                f"the server told of a change at {instant.show(at)} after one at {instant.show(self.last)}, "
                "and had not told of it before"
            )
        with self._lock:
            self._heed_event(event)
            self._open.add(bytes(event.raw), at)
            self.events += 1
        return True

    def define(self, db: str, name: str, entries: str) -> None:
        """Add how a collection is defined now, as JSON."""
        with self._lock:
            self._open.note("catalog", db=db, name=name, entries=entries)
            self.redefined.discard((db, name))

    def settle(self, token: Token | None) -> None:
        """Say that the server had no more to tell for now, and stands at `token`."""
        with self._lock:
            if token is not None:
                self.token = dict(token)
            if self._writer is not None:
                self._writer.settle(self.token)
                self.complete = self._writer.complete or self.complete

    def flush(self) -> Timestamp | None:
        """Have everything on disk; return the moment up to which that is all there is."""
        with self._lock:
            complete = self.complete
            if self._writer is not None:
                self._writer.flush()
            return complete

    def due(self, seconds: float, size: int) -> bool:
        """Return whether the segment is to be sealed: old or large enough."""
        with self._lock:
            if self._writer is None or not self._writer.events:
                return False
            return time.monotonic() - self._opened >= seconds or self._writer.stored >= size

    def seal(self) -> Sealed | None:
        """End the segment; None where nothing is in it."""
        with self._lock:
            if self._writer is None:
                return None
            writer, self._writer = self._writer, None
            seal = writer.seal()
            if seal is not None:
                self._seal = seal
                self.segments += 1
            return seal
