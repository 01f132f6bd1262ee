"""The journal of a run: one line an event, on disk before the next thing happens."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import BadJournal, JournalLost, Locked, NotFound
from agent.secrets import mask

NAME = "journal.jsonl"

# Made once: json.dumps makes one for every line.
_line = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode

_OURS = frozenset(
    (
        *("at", "mono", "kind", "run", "page", "page_file", "sha256", "pages", "included", "inventory"),
        *("from_here", "host", "hosts", "who", "language", "tags", "engine", "version", "pid", "born"),
        *("life", "inode", "step", "state", "attempt", "n", "do", "job", "digest", "outcome", "fates"),
        *("kind_of_error", "contact", "channel", "level", "service", "spill"),
    )
)
"""Fields that say nothing of what a host answered or a person wrote: names by which a run is found again."""
_ANSWER = ("rc", "out", "err", "seconds", "spill", "bytes", "number")


def utc_now() -> str:
    """Return the present moment as ISO 8601 in UTC with offset and milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Journal:
    """An append-only file of JSON objects, each with `at` (UTC), `mono` (this process's clock) and `kind`.

    A line is on disk before `write` returns, unless it was written `soon`: then it has left this process, and
    is on disk before any later line is. Lines written at the same time share one fsync. A last line torn by
    a power cut is dropped when the journal is opened again: what it would have said is settled by asking the
    host. Whoever has it open is alone with it. `life` is the name of this stretch of the run, which no other
    has; `inode` tells the file from a copy of it.
    """

    def __init__(self, path: Path) -> None:
        """Open for appending; the folder must exist. A torn last line is cut off.

        Raises:
            Locked: another process is at work on this run; the sentence says whose and since when.
        """
        self.path = path
        self.life = secrets.token_hex(8)
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._written = 0
        self._synced = 0
        self._lost: OSError | None = None
        self._file = path.open("ab", buffering=0)
        self._claim()
        self.inode = os.fstat(self._file.fileno()).st_ino
        _cut_torn_line(path)

    def _claim(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Locked(
                f"{self.path.parent} is being worked on by {_at_work(self.path)}.",
                do=f"Wait for it, or end it after its present ask: touch {self.path.parent}/stop",
            ) from None
        except OSError:
            # A file system that knows no locks: the lock on the host tells two lives of a run apart as well.
            return

    def begin(self, kind: str, **fields: Any) -> None:
        """Append the first line of a life of the run, `run` or `resumed`: by which process, in which file."""
        pid = os.getpid()
        self.write(kind, **fields, pid=pid, born=born(pid), life=self.life, inode=self.inode)

    def write(self, kind: str, *, soon: bool = False, **fields: Any) -> None:
        """Append one line, durably unless `soon`; secrets revealed so far are masked in it.

        Raises:
            JournalLost: it cannot be written, or an earlier one could not.
        """
        line = {"at": utc_now(), "mono": round(time.monotonic(), 4), "kind": kind, **fields}
        text = _line(line)
        if mask(text) != text:
            text = _line(without_secrets(line, _OURS))
        with self._writing:
            self.check()
            self._append(text.encode("utf-8") + b"\n")
            self._written += 1
            mine = self._written
        if not soon:
            self._sync(mine)

    def _sync(self, mine: int) -> None:
        """Have the first `mine` lines on disk; another's fsync may have taken them along meanwhile."""
        with self._syncing:
            if self._synced < mine:
                until = self._written
                try:
                    os.fdatasync(self._file.fileno())
                except OSError as problem:
                    self._lost = problem
                self.check()
                self._synced = until

    def _append(self, line: bytes) -> None:
        whole = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as problem:
            self._lost = problem
            # Half a line at the end is not in a resume's way, but the next one must not be joined to it.
            with contextlib.suppress(OSError):
                self._file.truncate(whole)
            self.check()

    def check(self) -> None:
        """See that all that was to be written could be, before anything is asked of a host.

        Raises:
            JournalLost: a line could not be written.
        """
        if self._lost:
            raise JournalLost(
                f"Expected to write the journal {self.path}, found: {self._lost.strerror}. "
                "Nothing more is asked of any host."
            ) from self._lost

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def without_secrets(line: Mapping[str, Any], ours: Collection[str]) -> dict[str, Any]:
    """Return a line with every secret revealed so far masked, but in the fields that are `ours`.

    A secret may be an ordinary word: of the host redis1, where the password is redis, nothing could be taken
    up again by a name without it. Numbers stay what they are, or a line would not be JSON.
    """
    return {key: value if key in ours else _masked(value, ours) for key, value in line.items()}


def _masked(value: Any, ours: Collection[str]) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {
            key if key in _ANSWER else mask(key): each if key in ours else _masked(each, ours)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_masked(each, ours) for each in value]
    return value


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


def born(pid: int) -> str:
    """Return when a process of this machine was started, in a form only to be compared; "" = it is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def _at_work(path: Path) -> str:
    """Return who the journal says is at work, as a person is told."""
    said = "somebody who has not written a line yet"
    with contextlib.suppress(BadJournal, NotFound):
        for line in read_journal(path):
            if line["kind"] in ("run", "resumed"):
                said = f"{line.get('who', '?')} (process {line.get('pid', '?')}) since {line['at']}"
    return said


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        data = file.read()
        end = data.rfind(b"\n") + 1
        if end < len(data):
            file.truncate(end)
