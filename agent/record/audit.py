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


def origin() -> str:
    """Return the address of the machine a person came from by SSH, or "" where they sit at this one."""
    said = os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_CLIENT") or ""
    return said.split(" ")[0]


def note(folder: Path, event: str, **fields: Any) -> str:
    """Append a line to `folder`/audit.jsonl, durably, chained to the line before it; return its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = file.read().splitlines()
        before = _hash(lines[-1]) if lines else _FIRST
        line = {"at": utc_now(), "who": who(), "from": origin(), "event": event, **fields, "before": before}
        text = mask(json.dumps(line, ensure_ascii=False)).encode("utf-8", "backslashreplace")
        file.write(text + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return _hash(text)


def newest(folder: Path) -> str:
    """Return the hash of the last line, or "" where there is none."""
    path = folder / NAME
    lines = path.read_bytes().splitlines() if path.exists() else []
    return _hash(lines[-1]) if lines else ""


def verify(folder: Path, last: str = "") -> int:
    """Return how many audit lines there are, all of them linked.

    `last` is the hash (or its beginning) that the end of a run told: without one kept elsewhere nobody can
    see that lines were cut off the end.

    Raises:
        BadJournal: a line was altered, removed or inserted; the sentence names the first such line. Or no
            line has the hash `last`.
    """
    path = folder / NAME
    before = _FIRST
    found = not last
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
        found = found or before.startswith(last)
    if not found:
        raise BadJournal(
            f"{path} has {len(lines)} sound lines, and none with the hash {last}: "
            "at least one line was cut off its end.",
            do="Compare with a copy kept elsewhere.",
        )
    return len(lines)


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
