"""Every write of a drill, with the moment it was sent and the moment it was acknowledged, or not."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec
from msgspec import Struct

from drills.rig.subject import Intent


class Write(Struct, frozen=True, gc=False):
    """One write as the ledger knows it; `acked` is None while nobody has said that it happened.

    `sent` and `acked` are seconds of the controller's monotonic clock.
    """

    seq: int
    key: str
    kind: str
    content: str
    adds: bool
    sent: float
    acked: float | None = None
    error: str = ""


class Ledger:
    """An append-only file of writes, kept outside the system that is broken.

    A line is a JSON array: `["w", seq, key, kind, content, adds, sent]` before a write goes out,
    `["a", seq, when]` when it is acknowledged, `["e", seq, error]` when no acknowledgement comes. A line is
    handed to the kernel before the write is sent, so the file is right even where the drill is killed.
    """

    def __init__(self, path: Path) -> None:
        """Go on writing at the end of `path`, which is made where it is missing.

        A last line that a crash cut off is taken out first.
        """
        if path.exists():
            os.truncate(path, sum(map(len, _whole_lines(path))))
        self.path = path
        self._encode = msgspec.json.Encoder().encode
        self._lock = threading.Lock()
        self._file: IO[bytes] = path.open("ab", buffering=0)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def sending(self, seq: int, intent: Intent, now: float) -> None:
        """Note that a write is about to be sent."""
        self._lines([_sent(seq, intent, now)])

    def acknowledged(self, seq: int, now: float) -> None:
        """Note that its acknowledgement has arrived."""
        self._lines([["a", seq, now]])

    def unanswered(self, seq: int, error: str) -> None:
        """Note that no acknowledgement came, and why."""
        self._lines([["e", seq, error[:200]]])

    def batch(self, seqs: Iterable[int], intents: Iterable[Intent], sent: float, acked: float) -> None:
        """Note writes that were sent and acknowledged together."""
        pairs = list(zip(seqs, intents, strict=True))
        self._lines(
            [_sent(seq, intent, sent) for seq, intent in pairs] + [["a", seq, acked] for seq, _ in pairs]
        )

    def writes(self) -> Iterator[Write]:
        """Yield every write noted so far, by number."""
        return read(self.path)

    def _lines(self, lines: list[list[Any]]) -> None:
        data = b"".join(self._encode(line) + b"\n" for line in lines)
        with self._lock:
            self._file.write(data)


def _sent(seq: int, intent: Intent, now: float) -> list[Any]:
    return ["w", seq, intent.key, intent.kind, intent.content, intent.adds, now]


def read(path: Path) -> Iterator[Write]:
    """Yield every write of a ledger file by number; a last line cut off by a crash is left out.

    Holds one number and one time a write in memory beside the writes that are yielded.
    """
    decode = msgspec.json.Decoder(list[Any]).decode
    acked: dict[int, float] = {}
    errors: dict[int, str] = {}
    for line in _whole_lines(path):
        if line.startswith(b'["a"'):
            _, seq, when = decode(line)
            acked[seq] = when
        elif line.startswith(b'["e"'):
            _, seq, why = decode(line)
            errors[seq] = why
    for line in _whole_lines(path):
        if line.startswith(b'["w"'):
            _, seq, key, kind, content, adds, sent = decode(line)
            yield Write(seq, key, sys.intern(kind), content, adds, sent, acked.get(seq), errors.get(seq, ""))


def _whole_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def next_number(path: Path) -> int:
    """Return the number the next write gets: one past the highest in the file."""
    return max((write.seq for write in read(path)), default=-1) + 1
