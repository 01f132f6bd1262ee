"""The library: a document is a row, a vector and a file, written together and read together."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from . import durable
from .errors import CannotWork, HelperDown
from .gate import Gate
from .leaned_on import Helpers
from .rows import Row, Rows
from .settings import Settings
from .vectors import Vectors
from .waiting import Queue, Waiting

DRAIN = 0.5
"""Seconds between two tries to make documents of what waits."""
_log = logging.getLogger("refserver")


class Library:
    """Everything in one data folder, used by one process."""

    def __init__(self, settings: Settings) -> None:
        """Open what is there, or begin it; what was under way when the last process died is settled.

        Raises:
            CannotWork: the data folder is not the mount it should be, or cannot be written to.
        """
        self.settings = settings
        self._sees_its_data()
        try:
            for folder in (settings.pdfs, settings.queue, settings.logs):
                folder.mkdir(exist_ok=True)
            self.rows = Rows(settings.database)
            self.rows.count()
            self.vectors = Vectors(settings.vectors, settings.index_every)
        except (OSError, sqlite3.Error) as error:
            raise CannotWork(f"the data folder cannot be used: {error}") from None
        self.queue = Queue(settings.queue)
        self.helpers = Helpers(settings)
        self._gate = Gate(settings.data)
        # Chroma and SQLite have one writer each; the gate is for backups.
        self._one = threading.Lock()
        self._stop = threading.Event()
        self._settle()
        self._drainer = threading.Thread(target=self._drain, daemon=True)
        self._drainer.start()

    def close(self) -> None:
        """Finish what is under way and stop."""
        self._stop.set()
        self._drainer.join(timeout=10)

    def take_in(self, identity: str, name: str, pdf: bytes) -> str:
        """Take a document in; return `stored`, or `queued` where a helper is down.

        Raises:
            CannotWork, Unreadable: nothing was taken in.
        """
        self._has_room(len(pdf))
        try:
            text, pages = self.helpers.read(pdf)
            vector = self.helpers.embed(text)
        except HelperDown as error:
            _log.warning("%s waits: %s", identity, error)
            with self._one, self._gate.passing():
                self._written(lambda: self.queue.put(Waiting(identity, name, time.time()), pdf))
            return "queued"
        sha256 = hashlib.sha256(pdf).hexdigest()
        file = f"{identity}-{sha256[:12]}.pdf"
        row = Row(identity, name, file, sha256, len(pdf), pages, text, time.time())
        with self._one, self._gate.passing():
            self._written(lambda: self._store(row, vector, pdf))
        return "stored"

    def remove(self, identity: str) -> bool:
        """Remove a document everywhere; whether there was one."""
        with self._one, self._gate.passing():
            row = self.rows.get(identity)
            if row is None:
                return False
            self.rows.intend(identity, row.file)
            with self.rows.writing() as inside:
                self.rows.drop(inside, identity)
                self.vectors.drop(identity)
            durable.remove(self.settings.pdfs / row.file)
            self.rows.settle(identity)
        return True

    def find(self, text: str, count: int) -> list[dict[str, object]]:
        """Return the documents nearest to a text, nearest first.

        Raises:
            HelperDown: Ollama makes no vector of it.
        """
        found = []
        for identity, distance in self.vectors.near(self.helpers.embed(text), count):
            row = self.rows.get(identity)
            if row is not None:
                found.append({"id": identity, "name": row.name, "sha256": row.sha256, "distance": distance})
        return found

    def pdf(self, row: Row) -> Path:
        """Return where a document's file lies."""
        return self.settings.pdfs / row.file

    def _store(self, row: Row, vector: list[float], pdf: bytes) -> None:
        before = self.rows.get(row.id)
        files = {row.file, before.file} if before else {row.file}
        self.rows.intend(row.id, *sorted(files))
        durable.put(self.settings.pdfs / row.file, pdf)
        with self.rows.writing() as inside:
            self.rows.put(inside, row)
            self.vectors.put(row.id, vector, {"sha256": row.sha256, "name": row.name})
        for file in files - {row.file}:
            durable.remove(self.settings.pdfs / file)
        self.queue.drop(row.id)

    def _written(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (OSError, sqlite3.Error) as error:
            raise CannotWork(f"it could not be written: {error}") from None

    def _settle(self) -> None:
        """Bring what the last process left half done to one of its ends: the row says to which."""
        for identity, file in self.rows.intents():
            row = self.rows.get(identity)
            if row is None:
                self.vectors.drop(identity)
            if row is None or row.file != file:
                durable.remove(self.settings.pdfs / file)
            if row is not None and self.pdf(row).is_file():
                # Its vector may be of the other version; it is made again as soon as Ollama can.
                self.queue.put(Waiting(identity, row.name, time.time()), self.pdf(row).read_bytes())
            self.rows.settle(identity)

    def _drain(self) -> None:
        while not self._stop.wait(DRAIN):
            try:
                for entry in self.queue.entries():
                    if self._stop.is_set() or self.take_in_waiting(entry) == "queued":
                        break
            except Exception:  # noqa: BLE001 - Chroma raises whatever its Rust side made of it
                _log.exception("what waits goes on waiting")

    def take_in_waiting(self, entry: Waiting) -> str:
        """Make a document of what waits; it stays in its place in the queue where that does not work."""
        pdf = self.queue.pdf(entry)
        try:
            text, pages = self.helpers.read(pdf)
            vector = self.helpers.embed(text)
        except HelperDown:
            return "queued"
        sha256 = hashlib.sha256(pdf).hexdigest()
        file = f"{entry.id}-{sha256[:12]}.pdf"
        with self._one, self._gate.passing():
            if entry not in self.queue.entries():
                return "superseded"
            row = Row(entry.id, entry.name, file, sha256, len(pdf), pages, text, time.time())
            self._store(row, vector, pdf)
        return "stored"

    def _has_room(self, size: int) -> None:
        self._sees_its_data()
        if self.room() - size < self.settings.reserve:
            raise CannotWork(f"{self.settings.data} is full: {self.room() >> 20} MB left")

    def room(self) -> int:
        """Return the bytes left to us on the data folder's file system."""
        seen = os.statvfs(self.settings.data)
        return seen.f_bavail * seen.f_frsize

    def _sees_its_data(self) -> None:
        if self.settings.mounted and not self.settings.data.is_mount():
            raise CannotWork(f"{self.settings.data} is not mounted")
