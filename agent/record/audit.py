"""Who did what to which hosts and why: one file for all runs, each line hashing the one before."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agent.errors import BadJournal, NotFound, Refused
from agent.record.journal import utc_now, without_secrets
from agent.record.torn import EVENT, FIRST, Acknowledged, acknowledged_in, former, hashed, is_torn

NAME = "audit.jsonl"
_PIECE = 8192
_OURS = frozenset(
    (
        *("at", "who", "from", "event", "before", "run", "page", "sha256", "hosts", "host", "service"),
        *("engine", "line", "torn", "former"),
    )
)


@dataclass(frozen=True)
class Verified:
    """A sound audit: how many lines it has, the hash of the last, and those known to be torn."""

    lines: int
    last: str
    torn: tuple[Acknowledged, ...]


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

    What a power cut left of a line stays as one of its own, for `verify` to name until it is acknowledged.

    Raises:
        OSError: it could not be written; then nothing of it is there, and the chain holds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        last, torn = _last_line(file)
        before = FIRST if last is None else hashed(last)
        line = {"at": utc_now(), "who": who(), "from": origin(), "event": event, **fields, "before": before}
        plain = json.dumps(without_secrets(line, _OURS), ensure_ascii=False)
        text = plain.encode("utf-8", "backslashreplace")
        _append(file.fileno(), b"\n" * torn + text + b"\n")
    return hashed(text)


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


def verify(folder: Path, last: str = "") -> Verified:
    """Return what there is of an audit whose lines all are linked, but for torn ones that were acknowledged.

    `last` is the hash (or its beginning) that the end of a run told: without one kept elsewhere nobody can
    see that lines were cut off the end.

    Raises:
        NotFound: there is no audit to look at, or no line in it.
        BadJournal: it cannot be read; or a line was altered, removed, inserted, or torn by a power cut, and
            the sentence names the first such line. Or no line has the hash `last`.
    """
    path = folder / NAME
    lines = _lines(path)
    known = acknowledged_in(lines)
    bad = [place for place in range(len(lines)) if not _sound(lines, place, known.get(place + 1))]
    if bad:
        raise _broken(path, lines, bad, known)
    if last and not any(hashed(line).startswith(last) for line in lines):
        raise BadJournal(
            f"{path} has {len(lines)} sound lines, and none with the hash {last}: "
            "at least one line was cut off its end.",
            do="Compare with a copy kept elsewhere.",
        )
    return Verified(len(lines), hashed(lines[-1]), tuple(known.values()))


def acknowledge(folder: Path, line: int, reason: str) -> str:
    """Write down that a line (from 1) is known to be torn, and why; return the hash of what was written.

    Raises:
        NotFound: there is no audit, or no such line in it.
        Refused: the line is whole, was altered and not torn, or was acknowledged already.
        BadJournal: it cannot be read.
        OSError: it could not be written.
    """
    path = folder / NAME
    lines, place = _lines(path), line - 1
    if not 0 < line <= len(lines):
        raise NotFound(f"{path} has no line {line}: its lines are 1 to {len(lines)}.")
    if earlier := acknowledged_in(lines).get(line):
        raise Refused(
            f"{path}:{line} was acknowledged by {earlier.who} at {earlier.at} ({earlier.reason}).",
            do="See what `drillyard audit verify` says of it now.",
        )
    if not is_torn(lines[place]):
        raise Refused(
            f"{path}:{line} is a whole line, and only what a power cut left of one is acknowledged.",
            do="See `drillyard audit verify`; what was altered is compared with a copy kept elsewhere.",
        )
    if line < len(lines) and not _sound(lines, place + 1, None) and not is_torn(lines[place + 1]):
        raise Refused(
            f"{path}:{line} is no whole line, and the one after it does not follow from it: "
            "it was altered there, or after it was torn.",
            do="Compare with a copy kept elsewhere.",
        )
    about = {"line": line, "torn": hashed(lines[place]), "former": former(lines, place)}
    return note(folder, EVENT, reason=reason, **about)


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


def _sound(lines: Sequence[bytes], place: int, known: Acknowledged | None) -> bool:
    """Whether a line follows from the one before it, or is torn and unchanged since that was `known`."""
    if known:
        return is_torn(lines[place]) and known.holds(lines)
    try:
        found: object = json.loads(lines[place])["before"]
    except (ValueError, KeyError, TypeError):
        return False
    return found == former(lines, place)


def _broken(
    path: Path, lines: Sequence[bytes], bad: Sequence[int], known: dict[int, Acknowledged]
) -> BadJournal:
    first, *others = bad
    do = "Compare with a copy kept elsewhere."
    if earlier := known.get(first + 1):
        what = f"was acknowledged as torn by {earlier.who} at {earlier.at}: it or the line before has changed"
    elif is_torn(lines[first]):
        what = "is no whole line: it was torn by a power cut, or altered"
        say_so = f"drillyard audit acknowledge {first + 1} --runs {path.parent} --reason WHY"
        do += f" Where it was a power cut: {say_so}"
    else:
        what = "does not follow from the line before it: the audit was altered there"
    after = len(lines) - first - 1
    behind = f" Of the {after} line{'s' * (after != 1)} after it"
    if others:
        rest = f"{behind} {len(others)} more are broken, first line {others[0] + 1}."
    else:
        rest = f"{behind} each follows from the one before." if after else ""
    return BadJournal(f"{path}:{first + 1} {what}.{rest}", do=do)
