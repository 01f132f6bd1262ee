"""What an RDB file says of itself, and whether its own checksum agrees: asked of redis-check-rdb."""

from __future__ import annotations

import mmap
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from agent.payload.programs import Programs

_HEAD = 4096


@dataclass(frozen=True)
class Rdb:
    """An RDB file: `state` is sound, damaged or missing; `detail` the checker's own words.

    `made` is the `ctime` it carries: seconds since 1970 at which the snapshot was taken, 0 where none;
    `mark` the backup mark among its keys.
    """

    state: str
    detail: str = ""
    keys: int = 0
    made: int = 0
    version: str = ""
    mark: str = ""


def check(path: Path, programs: Programs | None = None, timeout: float = 600) -> Rdb:
    """Return how the RDB file at `path` is; every byte of it is read.

    The checker reads structure and CRC64 natively (written in Python that would take seconds per 10 MB).
    """
    if not path.is_file():
        return Rdb("missing")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not re.match(rb"REDIS\d{4}", head):
        return Rdb("damaged", "it does not begin with REDIS and a version")
    words, fed = (programs or Programs()).check_rdb(path)
    with (fed or Path(os.devnull)).open("rb") as source:
        done = subprocess.run(
            words,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    said = done.stdout.decode("utf-8", "replace")
    keys = re.search(r"^\[info\] (\d+) keys read", said, re.MULTILINE)
    return Rdb(
        state="sound" if done.returncode == 0 and "RDB looks OK" in said else "damaged",
        detail=_words(said),
        keys=int(keys[1]) if keys else 0,
        made=int(aux(head, b"ctime") or 0),
        version=aux(head, b"redis-ver"),
        mark=mark_in(path),
    )


def made(path: Path) -> int:
    """Return the time an RDB carries without checking it; 0 where it cannot be read or has none."""
    try:
        with path.open("rb") as file:
            return int(aux(file.read(_HEAD), b"ctime") or 0)
    except (OSError, ValueError):
        return 0


def mark_in(path: Path) -> str:
    """Return the value of the key drillyard:mark in an RDB, read off its bytes; empty where it is not there.

    Redis writes text of up to 20 bytes as it is, behind its length; marks are made no longer than that.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buf:
        at = buf.find(b"\x0edrillyard:mark")
        if at < 0 or at + 16 > len(buf):
            return ""
        size = buf[at + 15]
        return buf[at + 16 : at + 16 + size].decode("utf-8", "replace") if size <= 20 else ""


def aux(head: bytes, name: bytes) -> str:
    """Return the value of an auxiliary field in an RDB's first bytes, as text; empty where it is none."""
    mark = b"\xfa" + bytes([len(name)]) + name
    at = head.find(mark)
    if at < 0:
        return ""
    at += len(mark)
    kind = head[at]
    # A number is stored as an 8, 16 or 32 bit integer, a text of less than 64 bytes behind its length.
    if kind in (0xC0, 0xC1, 0xC2):
        return str(int.from_bytes(head[at + 1 : at + 1 + (1, 2, 4)[kind - 0xC0]], "little"))
    return head[at + 1 : at + 1 + kind].decode("utf-8", "replace") if kind < 64 else ""


def _words(said: str) -> str:
    lines = [line.split("] ", 1)[-1].strip() for line in said.splitlines()]
    wrong = [line for line in lines if line and not line.startswith(("AUX FIELD", "Checking RDB", "---"))]
    return "; ".join(wrong[:2])[:300] if "RDB looks OK" not in said else "checksum and structure are right"
