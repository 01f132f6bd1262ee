"""The documents' vectors in Chroma, which is kept from purging what it could be rebuilt from."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLLECTION = "documents"
_KEEP = json.dumps(
    {"automatically_purge": False, "_type": "EmbeddingsQueueConfigurationInternal"}, separators=(",", ":")
)


class Vectors:
    """One collection of a persistent Chroma in a folder; a vector's id is its document's."""

    def __init__(self, folder: Path, index_every: int) -> None:
        """Open it, or begin it: its log is kept before anything is written to it.

        One that is begun writes its index files out at every `index_every` changes.
        """
        import chromadb
        from chromadb.config import Settings

        folder.mkdir(exist_ok=True)
        self._folder = folder
        client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
        self._keep_log()
        about = {
            "hnsw:space": "cosine",
            "hnsw:sync_threshold": index_every,
            "hnsw:batch_size": min(100, index_every),
        }
        self._collection = client.get_or_create_collection(
            COLLECTION, embedding_function=None, metadata=about
        )

    def _keep_log(self) -> None:
        with (
            contextlib.closing(sqlite3.connect(self._folder / "chroma.sqlite3", timeout=5)) as opened,
            opened,
        ):
            opened.execute("INSERT OR REPLACE INTO embeddings_queue_config VALUES (1, ?)", (_KEEP,))

    @property
    def purges(self) -> bool:
        """Whether the log is thrown away once it is in the index: then the index files are the only copy."""
        where = f"file:{self._folder / 'chroma.sqlite3'}?mode=ro"
        with contextlib.closing(sqlite3.connect(where, uri=True, timeout=5)) as opened:
            found = opened.execute("SELECT config_json_str FROM embeddings_queue_config").fetchone()
        return not found or bool(json.loads(found[0]).get("automatically_purge", True))

    def put(self, identity: str, vector: Sequence[float], about: dict[str, Any]) -> None:
        """Write a document's vector, over the one it had."""
        self._collection.upsert(ids=[identity], embeddings=[list(vector)], metadatas=[about])

    def drop(self, identity: str) -> None:
        """Remove a document's vector."""
        self._collection.delete(ids=[identity])

    def near(self, vector: Sequence[float], count: int) -> list[tuple[str, float]]:
        """Return the nearest documents' ids and how far they are, nearest first."""
        found = self._collection.query(
            query_embeddings=[list(vector)], n_results=count, include=["distances"]
        )
        return list(zip(found["ids"][0], (found["distances"] or [[]])[0], strict=True))

    def page(self, offset: int, limit: int) -> list[dict[str, Any]]:
        """Return id, vector and what is noted about it, a page at a time."""
        found = self._collection.get(limit=limit, offset=offset, include=["embeddings", "metadatas"])
        vectors = [[float(number) for number in each] for each in found["embeddings"]]
        return [
            {"id": identity, "vector": vector, **(about or {})}
            for identity, vector, about in zip(found["ids"], vectors, found["metadatas"], strict=True)
        ]

    def count(self) -> int:
        """Return how many vectors there are."""
        return int(self._collection.count())
