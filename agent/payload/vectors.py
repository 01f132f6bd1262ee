"""What a Chroma database holds, read from its write queue: every vector, where the queue was never purged.

Chroma moves vectors to index files that are neither synced nor atomic, and purges its queue behind them:
unless `automatically_purge` is off, those files are the only copy. With it off, `chroma.sqlite3` alone is
complete and Chroma builds the index files anew.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import math
import sqlite3
import struct
from collections.abc import Callable
from operator import mul
from typing import Any

from agent.payload.durable import Refuse

_ADD, _UPDATE, _UPSERT, _DELETE = range(4)
_NEAR = 5
_SAMPLES = 3
_ROUNDED = 1e-5  # Chroma counts in 32 bits

Vectors = dict[str, bytes]


def purging(database: sqlite3.Connection) -> bool:
    """Return whether Chroma purges its queue, which is what it does unless told otherwise."""
    row = database.execute("SELECT config_json_str FROM embeddings_queue_config LIMIT 1").fetchone()
    return bool(json.loads(row[0] or "{}").get("automatically_purge", True)) if row else True


def collections(database: sqlite3.Connection) -> dict[str, Vectors]:
    """Return each collection's vectors by id, as the queue makes them.

    Raises:
        Refuse: the queue was purged, so that some are in the index files alone.
    """
    found: dict[str, Vectors] = {}
    for uuid, name in database.execute("SELECT id, name FROM collections ORDER BY name").fetchall():
        found[name] = _replayed(database, uuid)
        known = _known(database, uuid)
        lost = known - set(found[name]) - _deleted_late(database, uuid)
        if lost:
            raise Refuse(
                f"PURGED: expected Chroma's queue to hold every vector, found {len(lost)} of {name!r} in its "
                "index files alone; add them once more (upsert) with automatically_purge off"
            )
    return found


def told(vectors: Vectors) -> dict[str, Any]:
    """Return a collection's figures: vectors, hashes of ids and content, some exact neighbourhoods (L2)."""
    ids, content = hashlib.sha256(), hashlib.sha256()
    for name in sorted(vectors):
        ids.update(name.encode() + b"\n")
        content.update(name.encode() + b"\0" + vectors[name] + b"\n")
    return {
        "vectors": len(vectors),
        "ids": ids.hexdigest(),
        "sha256": content.hexdigest(),
        "near": neighbours(vectors),
    }


def neighbours(vectors: Vectors) -> dict[str, list[str]]:
    """Return for a few ids the ids nearest to each, itself among them, computed from every vector."""
    names, widths = sorted(vectors), {len(each) for each in vectors.values()}
    if len(widths) != 1 or min(widths) % 4:
        return {}
    numbers = struct.Struct(f"={min(widths) // 4}f").unpack
    chosen = sorted({names[len(names) * part // _SAMPLES] for part in range(_SAMPLES)})
    points = [numbers(vectors[one]) for one in chosen]
    far: list[list[float]] = [[] for _ in chosen]
    for name in names:
        # To make numbers of a vector costs more than a distance: once for all of them.
        point = numbers(vectors[name])
        for found, one in zip(far, points):
            found.append(math.dist(one, point))
    return {
        one: [name for _, name in heapq.nsmallest(_NEAR, zip(found, names))]
        for one, found in zip(chosen, far)
    }


def finds(vectors: Vectors, one: str, ids: list[str], space: str) -> bool:
    """Return whether `ids` are what a search near `one` finds: most are among the nearest of all vectors.

    By l2, cosine or ip, as Chroma measures. A search is approximate, and equal distances have no order.
    """
    names, asked = [*vectors], vectors[one]
    numbers = struct.Struct(f"={len(asked) // 4}f").unpack
    measure = _measure(space, numbers(asked))
    far = {name: measure(numbers(vectors[name])) for name in names}
    last = heapq.nsmallest(max(len(ids), 1), far.values())[-1]
    good = [name for name in ids if far.get(name, math.inf) <= last + _ROUNDED * max(1.0, abs(last))]
    # By inner product a longer vector may be nearer than the vector itself.
    itself = space == "ip" or one in ids or len(good) == len(ids)
    return bool(ids) and itself and len(good) >= (len(ids) + 1) // 2


def _measure(space: str, asked: tuple[float, ...]) -> Callable[[tuple[float, ...]], float]:
    def product(point: tuple[float, ...]) -> float:
        return math.fsum(map(mul, asked, point))

    def cosine(point: tuple[float, ...]) -> float:
        return 1.0 - product(point) / (length * math.hypot(*point) or 1.0)

    length = math.hypot(*asked)
    if space == "cosine":
        return cosine
    return (lambda point: 1.0 - product(point)) if space == "ip" else (lambda point: math.dist(asked, point))


def _replayed(database: sqlite3.Connection, uuid: str) -> Vectors:
    vectors: Vectors = {}
    rows = database.execute(
        "SELECT operation, id, vector, topic FROM embeddings_queue WHERE topic LIKE ? ORDER BY seq_id",
        (f"%/{uuid}",),
    )
    for operation, name, vector, _ in rows:
        if operation == _DELETE:
            vectors.pop(name, None)
        # An ADD of what is there and an UPDATE of what is not are passed over, as Chroma does.
        elif vector is not None and (operation == _UPSERT or (operation == _ADD) != (name in vectors)):
            vectors[name] = bytes(vector)
    return vectors


def _known(database: sqlite3.Connection, uuid: str) -> set[str]:
    rows = database.execute(
        "SELECT embedding_id FROM embeddings WHERE segment_id IN "
        "(SELECT id FROM segments WHERE collection = ? AND scope = 'METADATA')",
        (uuid,),
    )
    return {row[0] for row in rows}


def _deleted_late(database: sqlite3.Connection, uuid: str) -> set[str]:
    """Return what the queue deletes: its other tables may not have caught up with that yet."""
    rows = database.execute(
        "SELECT id FROM embeddings_queue WHERE topic LIKE ? AND operation = ?", (f"%/{uuid}", _DELETE)
    )
    return {row[0] for row in rows}


def noted(database: sqlite3.Connection, name: str) -> dict[str, dict[str, Any]]:
    """Return what is noted about each vector of a collection, by id."""
    row = database.execute("SELECT id FROM collections WHERE name = ?", (name,)).fetchone()
    alive = collections(database).get(name, {})
    found: dict[str, dict[str, Any]] = {each: {} for each in alive}
    columns = {each[1] for each in database.execute("PRAGMA table_info(embeddings_queue)")}
    if row is None or "metadata" not in columns:
        return found
    rows = database.execute(
        "SELECT id, metadata FROM embeddings_queue "
        "WHERE topic LIKE ? AND metadata IS NOT NULL ORDER BY seq_id",
        (f"%/{row[0]}",),
    )
    for one, said in rows:
        if one in found:
            # An update names what changes alone.
            found[one] |= json.loads(said)
    return found
