"""Who did what to which hosts and why: one file for all runs, each line hashing the one before."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import socket
from pathlib import Path
from typing import IO, Any

from agent.errors import BadJournal, NotFound
from agent.record.journal import utc_now
from agent.secrets import mask

NAME = "audit.jsonl"
_FIRST = "0" * 64
_PIECE = 8192


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
    """Append a line to `folder`/audit.jsonl, durably, chained to the line before it; return its hash.

    What a power cut left of a line stays as one of its own, for `verify` to name.

    Raises:
        OSError: it could not be written; then nothing of it is there, and the chain holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        last, torn = _last_line(file)
        before = _FIRST if last is None else _hash(last)
        line = {"at": utc_now(), "who": who(), "from": origin(), "event": event, **fields, "before": before}
        text = mask(json.dumps(line, ensure_ascii=False)).encode("utf-8", "backslashreplace")
        _append(file.fileno(), b"\n" * torn + text + b"\n")
    return _hash(text)


def _append(handle: int, line: bytes) -> None:
    whole = os.fstat(handle).st_size
    try:
        while line:
            line = line[os.write(handle, line) :]
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, whole)
        raise


def _last_line(file: IO[bytes]) -> tuple[bytes | None, bool]:
    """Return the last line of an audit and whether its end is missing, without reading all: it only grows."""
    size = file.seek(0, os.SEEK_END)
    piece = _PIECE
    while True:
        file.seek(max(0, size - piece))
        data = file.read()
        lines = data.splitlines()
        if piece >= size or len(lines) > 1:
            return (lines[-1], not data.endswith(b"\n")) if lines else (None, False)
        piece *= 8


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
        NotFound: there is no audit to look at, or no line in it.
        BadJournal: it cannot be read; or a line was altered, removed, inserted, or torn by a power cut, and
            the sentence names the first such line. Or no line has the hash `last`.
    """
    path = folder / NAME
    lines = _lines(path)
    bad = [number for number, line in enumerate(lines) if not _follows(line, lines[number - 1 : number])]
    if bad:
        raise _broken(path, lines, bad)
    if last and not any(_hash(line).startswith(last) for line in lines):
        raise BadJournal(
            f"{path} has {len(lines)} sound lines, and none with the hash {last}: "
            "at least one line was cut off its end.",
            do="Compare with a copy kept elsewhere.",
        )
    return len(lines)


def _lines(path: Path) -> list[bytes]:
    try:
        lines = path.read_bytes().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        lines = []
    except OSError as problem:
        raise BadJournal(f"Could not look: {path} cannot be read: {problem.strerror}.") from problem
    if not lines:
        raise NotFound(
            f"Could not look: there is no line of an audit at {path}.",
            do="Name the folder that the runs are kept in with --runs (or $DRILLYARD_RUNS).",
        )
    return lines


def _follows(line: bytes, former: list[bytes]) -> bool:
    try:
        found: object = json.loads(line)["before"]
    except (ValueError, KeyError, TypeError):
        return False
    return found == (_hash(former[0]) if former else _FIRST)


def _broken(path: Path, lines: list[bytes], bad: list[int]) -> BadJournal:
    first, *others = bad
    if _torn(lines[first]):
        what = "is no whole line: it was torn by a power cut, or altered"
    else:
        what = "does not follow from the line before it: the audit was altered there"
    after = len(lines) - first - 1
    if others:
        rest = f" Of the {after} lines after it {len(others)} more are broken, first line {others[0] + 1}."
    else:
        rest = f" Of the {after} lines after it each follows from the one before." if after else ""
    return BadJournal(f"{path}:{first + 1} {what}.{rest}", do="Compare with a copy kept elsewhere.")


def _torn(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def _hash(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()
