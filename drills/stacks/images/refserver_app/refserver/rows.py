"""The documents' rows in SQLite, and the intents that tell what was under way when the service died."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, file TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL, pages INTEGER NOT NULL, text TEXT NOT NULL, updated_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS documents_by_name ON documents (name);
CREATE TABLE IF NOT EXISTS intents (id TEXT NOT NULL, file TEXT NOT NULL UNIQUE, at REAL NOT NULL);
"""


@dataclass(frozen=True)
class Row:
    """One document; `file` lies in the folder of the PDFs, `sha256` is of its bytes."""

    id: str
    name: str
    file: str
    sha256: str
    bytes: int
    pages: int
    text: str
    updated_at: float


class Rows:
    """One database; every thread has a connection of its own."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet."""
        self._path = path
        self._local = threading.local()

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, in WAL mode, every commit on the disk."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self._path, timeout=5, isolation_level=None)
            found.execute("PRAGMA journal_mode=WAL")
            found.execute("PRAGMA synchronous=FULL")
            found.executescript(_SCHEMA)
            self._local.connection = found
        return found

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Be inside one transaction; an error takes all of it back."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # A commit that failed may have left it open, and it would keep everybody else from writing.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def intend(self, identity: str, *files: str) -> None:
        """Note what is about to be written or removed, before any of it is."""
        with self.writing() as inside:
            for file in files:
                inside.execute(
                    "INSERT OR REPLACE INTO intents VALUES (?, ?, ?)", (identity, file, time.time())
                )

    def intents(self) -> list[tuple[str, str]]:
        """Return id and file of what was not brought to its end."""
        return [(row[0], row[1]) for row in self.connection().execute("SELECT id, file FROM intents")]

    def settle(self, identity: str) -> None:
        """Forget what was noted of a document: it has come to its end."""
        with self.writing() as inside:
            inside.execute("DELETE FROM intents WHERE id = ?", (identity,))

    def put(self, inside: sqlite3.Connection, row: Row) -> None:
        """Write a document's row and forget its intents, in the caller's transaction."""
        values = asdict(row)
        marks = ", ".join(f":{name}" for name in values)
        inside.execute(f"INSERT OR REPLACE INTO documents VALUES ({marks})", values)
        inside.execute("DELETE FROM intents WHERE id = ?", (row.id,))

    def drop(self, inside: sqlite3.Connection, identity: str) -> None:
        """Remove a document's row, in the caller's transaction."""
        inside.execute("DELETE FROM documents WHERE id = ?", (identity,))

    def get(self, identity: str) -> Row | None:
        """Return a document's row, or None."""
        found = self.connection().execute("SELECT * FROM documents WHERE id = ?", (identity,)).fetchone()
        return Row(*found) if found else None

    def page(self, after: str, limit: int) -> list[dict[str, Any]]:
        """Return rows behind that id in the order of ids, without their text."""
        rows = self.connection().execute(
            "SELECT * FROM documents WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
        )
        return [{key: value for key, value in asdict(Row(*row)).items() if key != "text"} for row in rows]

    def count(self) -> int:
        """Return how many documents there are; reads the table itself and not an index."""
        return int(self.connection().execute("SELECT count(*) FROM documents NOT INDEXED").fetchone()[0])

    def writable(self) -> None:
        """Raise sqlite3.Error where nothing can be written."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
