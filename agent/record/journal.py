"""The journal of a run: one line an event, on disk before the next thing happens."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import BadJournal, NotFound
from agent.secrets import mask

NAME = "journal.jsonl"


def utc_now() -> str:
    """Return the present moment as ISO 8601 in UTC with offset and milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Journal:
    """An append-only file of JSON objects, each with `at` (UTC), `mono` (this process's clock) and `kind`.

    A line is on disk before `write` returns, unless it was written `soon`: then it has left this process, and
    is on disk before any later line is. Lines written at the same time share one fsync. A last line torn by
    a power cut is dropped when the journal is opened again: what it would have said is settled by asking the
    host.
    """

    def __init__(self, path: Path) -> None:
        """Open for appending; the folder must exist. A torn last line is cut off."""
        self.path = path
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._written = 0
        self._synced = 0
        _cut_torn_line(path)
        self._file = path.open("ab")

    def write(self, kind: str, *, soon: bool = False, **fields: Any) -> None:
        """Append one line, durably unless `soon`; secrets revealed so far are masked in it."""
        line = {"at": utc_now(), "mono": round(time.monotonic(), 4), "kind": kind, **fields}
        text = mask(json.dumps(line, ensure_ascii=True, separators=(",", ":")))
        with self._writing:
            self._file.write(text.encode("utf-8") + b"\n")
            self._file.flush()
            self._written += 1
            mine = self._written
        if not soon:
            self._sync(mine)

    def _sync(self, mine: int) -> None:
        """Have the first `mine` lines on disk; another's fsync may have taken them along meanwhile."""
        with self._syncing:
            if self._synced < mine:
                until = self._written
                os.fdatasync(self._file.fileno())
                self._synced = until

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read_journal(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the journal's lines as mappings, oldest first; a torn last line is left out.

    Raises:
        NotFound: there is no journal at `path`.
        BadJournal: a line other than the last is not JSON.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFound(f"There is no journal at {path}.", do="Name a run folder.") from None
    lines = data.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        try:
            yield json.loads(line)
        except ValueError:
            raise BadJournal(
                f"{path}:{number} is not a line of a journal.",
                do="Start a new run; the hosts are as they are.",
            ) from None


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            file.truncate(end)
