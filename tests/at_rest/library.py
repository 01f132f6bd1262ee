"""A RefServer's data for tests: real SQLite, the tables of Chroma's queue, PDF files; and a writer."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import struct
import threading
import time
from contextlib import closing
from pathlib import Path

QUEUE = """
CREATE TABLE collections (id TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE segments (id TEXT PRIMARY KEY, type TEXT, scope TEXT, collection TEXT);
CREATE TABLE embeddings (id INTEGER PRIMARY KEY, segment_id TEXT, embedding_id TEXT);
CREATE TABLE embeddings_queue (seq_id INTEGER PRIMARY KEY, operation INTEGER, topic TEXT, id TEXT,
  vector BLOB, metadata TEXT);
CREATE TABLE max_seq_id (segment_id TEXT PRIMARY KEY, seq_id INTEGER);
CREATE TABLE embeddings_queue_config (id INTEGER PRIMARY KEY, config_json_str TEXT);
INSERT INTO collections VALUES ('c1', 'documents');
INSERT INTO segments VALUES ('s1', 'sqlite', 'METADATA', 'c1');
INSERT INTO embeddings_queue_config VALUES (1, '{"automatically_purge": false}');
"""
TABLE = """
PRAGMA journal_mode = WAL;
CREATE TABLE documents (id TEXT PRIMARY KEY, name TEXT, file TEXT, sha256 TEXT, bytes INTEGER,
  updated_at REAL);
"""


class Library:
    """A data folder as the application keeps it: a document is a row, a vector and a file."""

    def __init__(self, data: Path, *, anew: bool = True) -> None:
        """Make it, empty; or speak of one that is there."""
        self.data = data
        self.database, self.chroma, self.files = data / "refserver.db", data / "chromadb", data / "pdfs"
        if anew:
            self._make()

    def _make(self) -> None:
        self.chroma.mkdir(parents=True)
        self.files.mkdir()
        with closing(sqlite3.connect(self.database)) as database:
            database.executescript(TABLE)
        with closing(sqlite3.connect(self.chroma / "chroma.sqlite3")) as queue:
            queue.executescript(QUEUE)
        (self.data / ".gate").touch()

    def upload(self, name: str, content: bytes) -> None:
        """Add a document, or change it."""
        with _Passing(self.data):
            total = hashlib.sha256(content).hexdigest()
            partial = self.files / f".{name}"
            partial.write_bytes(content)
            partial.rename(self.files / f"{total[:24]}.pdf")
            row = (name, f"{name}.pdf", f"{total[:24]}.pdf", total, len(content), time.time())
            with closing(sqlite3.connect(self.database, timeout=120)) as database:
                database.execute("PRAGMA synchronous = OFF")
                old = database.execute("SELECT file FROM documents WHERE id = ?", (name,)).fetchone()
                database.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?)", row)
                note = json.dumps({"name": f"{name}.pdf", "sha256": total})
                self._queue(2, name, struct.pack("<4f", *hashlib.sha256(content).digest()[:4]), note)
                database.commit()
            if old and old[0] != row[2]:
                (self.files / old[0]).unlink()

    def delete(self, name: str) -> None:
        """Remove a document."""
        with _Passing(self.data):
            with closing(sqlite3.connect(self.database, timeout=120)) as database:
                database.execute("PRAGMA synchronous = OFF")
                (file,) = database.execute("SELECT file FROM documents WHERE id = ?", (name,)).fetchone()
                database.execute("DELETE FROM documents WHERE id = ?", (name,))
                self._queue(3, name, None)
                database.commit()
            (self.files / file).unlink()

    def _queue(self, operation: int, name: str, vector: bytes | None, note: str | None = None) -> None:
        with closing(sqlite3.connect(self.chroma / "chroma.sqlite3", timeout=120)) as queue:
            queue.execute("PRAGMA synchronous = OFF")
            insert = (
                "INSERT INTO embeddings_queue (operation, topic, id, vector, metadata) VALUES (?, ?, ?, ?, ?)"
            )
            queue.execute(insert, (operation, "persistent://default/c1", name, vector, note))
            queue.commit()

    def state(self) -> tuple[object, ...]:
        """Return everything it holds."""
        with closing(sqlite3.connect(self.database)) as database:
            rows = database.execute("SELECT * FROM documents ORDER BY id").fetchall()
        with closing(sqlite3.connect(self.chroma / "chroma.sqlite3")) as queue:
            vectors = queue.execute("SELECT * FROM embeddings_queue ORDER BY seq_id").fetchall()
        files = sorted((path.name, path.read_bytes()) for path in self.files.iterdir())
        return rows, vectors, files

    def fill(self, count: int, start: int = 0) -> None:
        """Add documents number `start` and on."""
        for number in range(start, start + count):
            self.upload(f"doc{number}", b"%PDF-1.7 " + str(number).encode() * 500)


class _Passing:
    """The application's side of the gate."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def __enter__(self) -> None:
        self.handle = os.open(self.data / ".gate", os.O_RDWR)
        while True:
            self._wait()
            fcntl.flock(self.handle, fcntl.LOCK_SH)
            if not self._flagged():
                return
            fcntl.flock(self.handle, fcntl.LOCK_UN)

    def _flagged(self) -> bool:
        try:
            return time.time() - (self.data / ".quiesce").stat().st_mtime < 30
        except FileNotFoundError:
            return False

    def _wait(self) -> None:
        while self._flagged():
            threading.Event().wait(0.005)

    def __exit__(self, *_: object) -> None:
        os.close(self.handle)


class Writers:
    """Threads that upload, change and delete without a pause for the length of a `with`."""

    def __init__(self, library: Library, count: int = 3) -> None:
        self.library, self.stop, self.wrote = library, threading.Event(), 0
        self.threads = [threading.Thread(target=self._write, args=(number,)) for number in range(count)]

    def _write(self, worker: int) -> None:
        number = 0
        while not self.stop.is_set():
            name = f"w{worker}-{number % 40}"
            self.library.upload(name, f"%PDF {worker} {number}".encode() * 50)
            if number % 5 == 4:
                self.library.delete(name)
            number += 1
            self.wrote += 1

    def __enter__(self) -> Writers:
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for each in self.threads:
            each.join()
