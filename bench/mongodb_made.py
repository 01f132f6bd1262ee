"""A captured history of any size, made without a server: documents of about 500 bytes, some changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import bson
import zstandard
from bson import Timestamp

from agent.pitr import instant
from agent.pitr.catalog import Entry, as_json
from agent.pitr.manifest import Frame, Heap, Manifest
from agent.pitr.store import Store
from tests.pitr.history import delete, insert, sealed, update

_FRAME = 32 << 20
_START, _END = Timestamp(100, 1), Timestamp(101, 1)
_WORDS = [f"{Random(n).getrandbits(40):x}"[: 3 + n % 7] for n in range(4000)]


def document(n: int, r: Random) -> dict[str, Any]:
    """Return a chat message of about 500 bytes."""
    text = " ".join(r.choices(_WORDS, k=52))
    said = {"_id": n, "room": n % 1000, "sender": f"user{r.randrange(50_000)}", "sent": 1.7e9 + n / 50}
    return {**said, "read": bool(n & 1), "text": text, "tags": r.choices(_WORDS, k=4)}


def documents(count: int) -> Iterator[bytes]:
    """Yield them as BSON; always the same."""
    r = Random(7)
    return (bson.encode(document(n, r)) for n in range(count))


def made(folder: Path, count: int, changed: int) -> Store:
    """Return a store with a base of `count` documents and so many changes after it; each tenth inserts."""
    store = Store(folder)
    timeline = store.begin("server", "made for a benchmark")
    place = timeline.base / "b1"
    place.mkdir()
    file, frames, digest, at = place / "chat.messages.bson.zst", [], hashlib.sha256(), 0
    with file.open("wb") as out:
        for held in _frames(count):
            data = b"".join(held)
            packed = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(data)
            out.write(packed)
            digest.update(packed)
            frames.append(Frame(at, len(packed), len(held), len(data)))
            at += len(packed)
    heap = Heap(
        namespace="chat.messages",
        file=file.name,
        sha256=digest.hexdigest(),
        documents=count,
        bytes=sum(each.bytes for each in frames),
        stored=at,
        frames=tuple(frames),
    )
    manifest = Manifest(
        id="b1",
        timeline=timeline.id,
        start=instant.show(_START),
        end=instant.show(_END),
        taken_at=instant.utc(_END),
        seconds=0.0,
        server="made",
        heaps=(heap,),
        catalog=[as_json(vars(Entry("chat", "messages")))],
        folder=str(place),
    )
    manifest.write(place)
    r = Random(9)
    step = 50_000
    beat = insert((100, 1), 0, ns="dr_agent.x")
    sealed(timeline, [beat, insert((101, 1), 1, ns="dr_agent.x")])
    for start in range(0, changed, step):
        sealed(timeline, [_change(n, count, r) for n in range(start, min(changed, start + step))])
    return store


def _change(n: int, count: int, r: Random) -> Any:
    at, key = (200 + n // 1000, 1 + n % 1000), r.randrange(count)
    if n % 10 == 0:
        return insert(at, count + n, ns="chat.messages", room=1, text="new " * 100)
    if n % 10 == 1:
        return delete(at, key, ns="chat.messages")
    return update(at, key, ns="chat.messages", read=True, text="edited " * 20)


def _frames(count: int) -> Iterator[list[bytes]]:
    held: list[bytes] = []
    size = 0
    for each in documents(count):
        held.append(each)
        size += len(each)
        if size >= _FRAME:
            yield held
            held, size = [], 0
    if held:
        yield held
