"""Who did what to which hosts and why: one file for all runs, each line hashing the one before."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any

from agent.errors import BadJournal
from agent.record.journal import utc_now
from agent.secrets import mask

NAME = "audit.jsonl"
_FIRST = "0" * 64


def who() -> str:
    """Return user and machine of this controller, as `ann@laptop`."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except KeyError:
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def note(folder: Path, event: str, **fields: Any) -> None:
    """Append one audit line to `folder`/audit.jsonl, durably, chained to the line before it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = file.read().splitlines()
        before = _hash(lines[-1]) if lines else _FIRST
        line = {"at": utc_now(), "who": who(), "event": event, **fields, "before": before}
        file.write(mask(json.dumps(line, ensure_ascii=False)).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def verify(folder: Path) -> int:
    """Return how many audit lines there are, all of them linked.

    Raises:
        BadJournal: a line was altered, removed or inserted; the sentence names the first such line.
    """
    path = folder / NAME
    before = _FIRST
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        try:
            linked = json.loads(line)["before"] == before
        except (ValueError, KeyError, TypeError):
            linked = False
        if not linked:
            raise BadJournal(
                f"{path}:{number} does not follow from the line before it: the audit was altered there.",
                do="Compare with a copy kept elsewhere.",
            )
        before = _hash(line)
    return len(lines)


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
