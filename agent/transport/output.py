"""An output as it comes in: bounded in memory, whole on disk where it is long, secrets masked before both."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from agent.secrets import mask_bytes

Sink = Callable[[bytes], None]

HELD = 16 * 1024
"""Bytes held back so that a secret is never cut in two between masking and keeping; the longest maskable."""


class Spill:
    """A file in the evidence folder that comes into being at the first byte written to it."""

    def __init__(self, folder: Path, stem: str) -> None:
        """`stem` is what its name begins with; a number makes it the only one."""
        self._folder = folder
        self._stem = stem
        self._file: BinaryIO | None = None
        self.path = ""

    def write(self, data: bytes) -> None:
        """Append `data`."""
        if self._file is None:
            self._file = self._new()
        self._file.write(data)

    def close(self) -> None:
        """Let go of the file, if there is one."""
        if self._file is not None:
            self._file.close()

    def _new(self) -> BinaryIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        for n in itertools.count(1):
            path = self._folder / f"{self._stem}-{n:03}"
            try:
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                continue
            self.path = str(path)
            return os.fdopen(handle, "wb")
        raise AssertionError("counting never ends")


class Kept:
    """One output: its first half and its last half in memory, and the whole in a spill where it is longer."""

    def __init__(self, keep: int, spill: Spill | None = None) -> None:
        """`keep` is how many bytes stay in memory."""
        self._keep = keep
        self._spill = spill
        self._held = b""
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes as they came."""
        self._held += data
        if len(self._held) > 4 * HELD:
            masked = mask_bytes(self._held)
            self._held = masked[-HELD:]
            self._store(masked[:-HELD])

    def close(self) -> bytes:
        """Return what was kept; nothing may be fed any more."""
        self._store(mask_bytes(self._held))
        self._held = b""
        if self._spill is not None:
            self._spill.close()
        if self._size <= self._keep:
            return bytes(self._head + self._tail)
        note = b"\n[... %d of %d bytes are left out here ...]\n"
        room = max(self._keep - len(note) - 2 * len(str(self._size)), 0)
        head, tail = room - room // 2, room // 2
        line = note % (self._size - head - tail, self._size)
        return bytes(self._head[:head] + line + (self._tail[-tail:] if tail else b""))

    @property
    def spilled(self) -> str:
        """The file that holds the whole, or "" where memory does."""
        return self._spill.path if self._spill is not None else ""

    def _store(self, data: bytes) -> None:
        if not data:
            return
        before, self._size = self._size, self._size + len(data)
        if self._spill is not None and self._size > self._keep:
            if before <= self._keep:
                self._spill.write(bytes(self._head + self._tail))
            self._spill.write(data)
        half = self._keep - self._keep // 2
        fits = max(half - len(self._head), 0)
        self._head += data[:fits]
        self._tail += data[fits:]
        if len(self._tail) > 2 * half + len(data):
            del self._tail[: len(self._tail) - half]


class Raw:
    """One output kept byte for byte, up to a limit: a file that is fetched."""

    def __init__(self, limit: int) -> None:
        """Bytes beyond `limit` are counted and dropped."""
        self._limit = limit
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes as they came."""
        self._data += data[: max(self._limit - len(self._data), 0)]

    def close(self) -> bytes:
        """Return what was taken."""
        return bytes(self._data)


class FirstLine:
    """The first line of an output, kept apart from the rest, which goes on to another sink."""

    def __init__(self, rest: Sink) -> None:
        """`rest` takes everything after the first newline."""
        self._rest = rest
        self._line = bytearray()
        self._whole = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes as they came."""
        if not self._whole:
            line, newline, data = data.partition(b"\n")
            self._line += line
            self._whole = bool(newline)
        if data:
            self._rest(data)

    @property
    def words(self) -> list[str]:
        """The words of the line, or none where it did not arrive whole."""
        return self._line.decode("utf-8", "replace").split() if self._whole else []
