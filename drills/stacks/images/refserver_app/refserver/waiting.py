"""Uploads that wait for a helper: taken in and on the disk, and not yet documents."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from . import durable


@dataclass(frozen=True)
class Waiting:
    """One upload that waits."""

    id: str
    name: str
    since: float


class Queue:
    """A folder with a PDF and a note for each; the note is written last, and what has none is not there."""

    def __init__(self, folder: Path) -> None:
        """The folder is there already."""
        self._folder = folder

    def put(self, entry: Waiting, pdf: bytes) -> None:
        """Take an upload in, over one of the same id; it is on the disk on return."""
        durable.put(self._folder / f"{entry.id}.pdf", pdf)
        durable.put(
            self._folder / f"{entry.id}.json",
            json.dumps({"id": entry.id, "name": entry.name, "since": entry.since}).encode(),
        )

    def entries(self) -> list[Waiting]:
        """Return what waits, the oldest first."""
        found = [Waiting(**json.loads(path.read_bytes())) for path in self._folder.glob("[!.]*.json")]
        return sorted(found, key=lambda each: each.since)

    def pdf(self, entry: Waiting) -> bytes:
        """Return an upload's bytes."""
        return (self._folder / f"{entry.id}.pdf").read_bytes()

    def drop(self, identity: str) -> None:
        """Let go of one; the note goes first."""
        durable.remove(self._folder / f"{identity}.json")
        durable.remove(self._folder / f"{identity}.pdf")

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.glob("[!.]*.json"))
