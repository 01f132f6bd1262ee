"""The log of a timeline as one sequence of changes between two moments, proved to be without a hole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from agent.errors import BackupDamaged
from agent.pitr.segment import Segment, documents, is_control
from agent.pitr.store import TORN, Timeline

CATALOG = "catalog"
_LOOKS = 3
_KIND = b"\x02operationType\0"
_OF_DOCUMENTS = (b"insert\0", b"update\0", b"replace\0", b"delete\0")


@dataclass(frozen=True)
class Change:
    """One change: when, what kind, of which collection; `event` is all the server said of it.

    Where `kind` is `catalog` it is no change: `event` holds how a collection was, read soon after one.
    """

    at: Timestamp
    kind: str
    db: str
    name: str
    event: RawBSONDocument


@dataclass(frozen=True)
class Span:
    """The sealed segments and the open one that hold what is between two moments; proved by `prove`."""

    segments: tuple[Segment, ...]
    open: Path | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its files."""
        return tuple(each.path.name for each in self.segments) + ((self.open.name,) if self.open else ())


def span(timeline: Timeline, start: Timestamp, upto: Timestamp | None) -> Span:
    """Return the files that hold every change after `start` and until `upto` (None = the end).

    Raises:
        BackupDamaged: a segment between them is missing; the sentence names it.
    """
    sealed = timeline.segments()
    first = max((n for n, each in enumerate(sealed) if each.first <= start), default=0)
    wanted = [each for each in sealed[first:] if upto is None or each.first <= upto]
    if sealed and sealed[0].n > 1 and sealed[0].first > start:
        raise _missing(timeline, sealed[0].n - 1, f"the oldest one begins at {sealed[0].path.name}")
    for n, each in enumerate(wanted):
        if each.n != wanted[0].n + n:
            raise _missing(timeline, wanted[0].n + n, f"{each.path.name} is there")
    open_ = None
    if len(wanted) == len(sealed) - first:
        open_ = next((path for path in (timeline.log / TORN, timeline.open) if path.is_file()), None)
    return Span(tuple(wanted), open_)


def prove(found: Span) -> None:
    """Compare every byte of the sealed segments with its checksum, and each with the one it names.

    Raises:
        BackupDamaged: one is damaged, altered or of another history; the sentence names it.
    """
    before: str | None = None
    for each in found.segments:
        before = each.check(before).sha256


def changes(timeline: Timeline, start: Timestamp, upto: Timestamp | None) -> Iterator[Change]:
    """Yield every change after `start` and until `upto`, each once; raises like `span` and `prove`."""
    found = span(timeline, start, upto)
    prove(found)
    return takewhile(lambda change: upto is None or change.at <= upto, read(found, start))


def definitions(timeline: Timeline, start: Timestamp, upto: Timestamp | None) -> Iterator[Change]:
    """Yield as `changes` does what is not of documents; a catalog has the moment of the change before it.

    Days of a log are gone through for a few of them, so the others are told by their bytes alone.
    """
    found = span(timeline, start, upto)
    prove(found)
    few = (each for each in _records(found) if is_control(each) or not _of_a_document(each))
    return takewhile(lambda change: upto is None or change.at <= upto, _read(few, start))


def _of_a_document(record: bytes) -> bool:
    # The first one is the event's own: before it is only the token, which holds no field of that name.
    at = record.find(_KIND)
    return at >= 0 and record.startswith(_OF_DOCUMENTS, at + len(_KIND) + 4)


def read(found: Span, start: Timestamp) -> Iterator[Change]:
    """Yield the changes of a proved span after `start`, also those of its last file that are later."""
    return _read(_records(found), start)


def _read(records: Iterable[bytes], start: Timestamp) -> Iterator[Change]:
    here: set[bytes] = set()
    now = Timestamp(0, 0)
    for record in records:
        if is_control(record):
            said = bson.decode(record)
            if said["_ctl"] == CATALOG:
                yield Change(now, CATALOG, said["db"], said["name"], RawBSONDocument(record))
            continue
        event = RawBSONDocument(record)
        at: Timestamp = event["clusterTime"]
        if at != now:
            here.clear()
            now = at
        token = bytes(event["_id"].raw)
        if at <= start or token in here:
            continue
        here.add(token)
        ns = event.get("ns")
        if ns is None:
            # The end of a transaction, say: of no collection, and no change.
            continue
        yield Change(at, event["operationType"], ns["db"], ns.get("coll", ""), event)


def _records(found: Span) -> Iterator[bytes]:
    newest = ""
    for each in found.segments:
        yield from documents(each.path)
        newest = each.path.name
    yield from _tail(found, newest)


def _tail(found: Span, newest: str = "") -> Iterator[bytes]:
    """Yield what follows on a span's sealed segments: what is being written, or was when we looked.

    A capture at work seals it under our hands; then it is read under the name that it has by now.
    """
    if found.open is None:
        return
    timeline = Timeline(found.open.parent.parent)
    wanted = found.segments[-1].n + 1 if found.segments else 0
    before: str | None = None
    looks = _LOOKS
    while looks:
        sealed = next((each for each in timeline.segments() if wanted in (each.n, 0)), None)
        if sealed is not None:
            before = before or (found.segments[-1].sealed().sha256 if found.segments else None)
            before = sealed.check(before).sha256
            yield from documents(sealed.path)
            wanted, newest, looks = sealed.n + 1, sealed.path.name, _LOOKS
            continue
        looks -= 1
        path = next((each for each in (timeline.log / TORN, timeline.open) if each.is_file()), None)
        if path is None:
            continue
        records = documents(path, torn=True)
        try:
            head = next(records, None)
        except BackupDamaged:
            if path.is_file():
                raise
            continue
        number = bson.decode(head)["n"] if head is not None else 0
        if not wanted or number <= wanted:
            yield from records if number >= wanted else ()
            return
        if not looks:
            raise BackupDamaged(f"{path.name} does not follow from {newest}.")


def _missing(timeline: Timeline, n: int, found: str) -> BackupDamaged:
    return BackupDamaged(
        f"Timeline {timeline.id}: segment {n:08d}-*.zst is missing in {timeline.log} ({found}).",
        do="Bring it back from where segments are shipped to, or restore to a moment before it.",
    )


def end_of(found: Span, sealed: Sequence[Segment]) -> Timestamp | None:
    """Return the newest moment that a span surely holds all of; None where it holds nothing."""
    complete: Timestamp | None = None
    newest: Timestamp | None = sealed[-1].last if sealed else None
    for record in _tail(found):
        if is_control(record):
            complete = bson.decode(record).get("complete", complete)
            continue
        at = RawBSONDocument(record)["clusterTime"]
        if newest is not None and at > newest:
            complete = newest
        newest = at
    return complete
