"""Operations: what was asked of the API and goes on after its answer; each a file that survives us."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Literal

import msgspec

from agent.errors import BadJournal, Locked, NotFound

State = Literal["running", "stopped", "done", "failed", "unknown"]
OPEN: frozenset[str] = frozenset({"running", "stopped"})
ID = re.compile(r"op_[0-9a-f]{24}")
KEPT = timedelta(days=90)


@dataclass(frozen=True)
class Operation:
    """One operation. `backup` is which one is put back, or was taken; `run` names its journal below the runs.

    `by` is whose token asked, with `token` its id. `asked` is the SHA-256 of what was asked under the
    idempotency key, of which `key` is the hash ("" = none was given). `lives` counts the servers that worked
    on it. Times are UTC.
    """

    id: str
    kind: Literal["restore", "backup"]
    system: str
    host: str
    state: State
    by: str
    token: str
    begun: str
    backup: str = ""
    reason: str = ""
    ended: str = ""
    run: str = ""
    sentence: str = ""
    key: str = ""
    asked: str = ""
    lives: int = 1


class Book:
    """The folder of operations; of two servers only one may have it."""

    def __init__(self, folder: Path) -> None:
        """Open it, and forget what ended long ago.

        Raises:
            Locked: another server has it.
            BadJournal: an operation cannot be read.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._held: IO[bytes] = (folder / "held").open("ab")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._held.close()
            raise Locked(
                f"Another `drillyard serve` keeps its operations in {folder}.", do="Name another --runs."
            ) from None
        self._known = {each.id: each for each in map(_read, sorted(folder.glob("op_*.json")))}
        self._forget()

    def write(self, operation: Operation) -> Operation:
        """Keep an operation as it is now, durably, and return it."""
        path = self.folder / f"{operation.id}.json"
        partial = self.folder / f".{operation.id}.new"
        with partial.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(operation), indent=1) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        handle = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        self._known[operation.id] = operation
        return operation

    def remember(self, operation: Operation) -> None:
        """Keep an operation in mind alone, where the disk takes nothing more."""
        self._known[operation.id] = operation

    def find(self, name: str) -> Operation:
        """Return the operation of that id.

        Raises:
            NotFound: there is none.
        """
        if name not in self._known:
            raise NotFound(f"There is no operation {name}.")
        return self._known[name]

    def is_of(self, name: str, token: str) -> bool:
        """Whether that token began the operation of that id."""
        return name in self._known and self._known[name].token == token

    def under_key(self, token: str, key: str) -> Operation | None:
        """Return what that token asked under an idempotency key (its hash), if anything."""
        return next(
            (each for each in [*self._known.values()] if key and (each.token, each.key) == (token, key)), None
        )

    def open_ones(self) -> tuple[Operation, ...]:
        """Return those that have not ended, the oldest first."""
        found = [each for each in [*self._known.values()] if each.state in OPEN]
        return tuple(sorted(found, key=lambda each: each.begun))

    def close(self) -> None:
        """Let another server have it."""
        self._held.close()

    def _forget(self) -> None:
        before = (datetime.now(UTC) - KEPT).isoformat()
        for each in [*self._known.values()]:
            if each.state not in OPEN and each.begun < before:
                (self.folder / f"{each.id}.json").unlink()
                del self._known[each.id]


def new_id() -> str:
    """Return an id that nobody guesses."""
    return f"op_{secrets.token_hex(12)}"


def _read(path: Path) -> Operation:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Operation)
    except (OSError, msgspec.DecodeError) as error:
        raise BadJournal(
            f"{path} is not an operation: {error}.", do="Move it aside and start again."
        ) from None
