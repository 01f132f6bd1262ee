"""The log files of a chain read one behind the other, and their kept commands written as one file."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from agent.payload.chain import Part
from agent.payload.commands import DENIED, KNOWN, Verb, keys_of
from agent.payload.resp import BULK, cut_short
from agent.payload.survey import MARK_KEY, Kept, Range, Tally, survey, total

if TYPE_CHECKING:
    from agent.payload.resp import Buffer

SELECT_0 = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
_BLOCK = 1 << 20


@dataclass
class Read:
    """One log file as it was read: what of it is kept, and where its commands' marks end.

    `good` is the length of the part before any damage; `tail` is whole, incomplete (the file ends inside of
    a command or transaction) or damaged (it ends in bytes that are none).
    """

    part: Part
    kept: Kept
    marks: list[tuple[str, int]]
    good: int
    tail: str


@dataclass
class Logs:
    """All log files read in order: each of them, and what was counted over all of them."""

    files: list[Read]
    tally: Tally
    seconds_behind: int = 0

    @property
    def damaged(self) -> list[Read]:
        """The files with bytes in them that are no command, a file that ends too early among them."""
        return [read for read in self.files if read.kept.gaps or read.tail != "whole"]

    def gaps(self) -> list[tuple[int, Range]]:
        """Return (number of the file, range) of every damaged place in order."""
        return [(number, gap) for number, read in enumerate(self.files) for gap in read.kept.gaps]

    def mark(self, wanted: str) -> tuple[int, int] | None:
        """Return (number of the file, offset just behind) of a backup's mark; None where it proves nothing.

        A backup sets `mark`, forks its snapshot and sets `mark+` in one go: only where nothing stands between
        the two in the log was nothing else written at that instant. What is damaged behind the first counts
        as damage, not as something between.
        """
        for number, read in enumerate(self.files):
            for place, (mark, after) in enumerate(read.marks):
                if mark == wanted:
                    follower = read.marks[place + 1] if place + 1 < len(read.marks) else ("", 0)
                    holes = [*read.kept.gaps, (read.good, read.good), (read.part.size, read.part.size)]
                    if follower == (f"{wanted}+", after + mark_length(f"{wanted}+")) or any(
                        after == hole[0] for hole in holes
                    ):
                        return number, after
        return None


def mark_command(mark: str) -> bytes:
    """Return the bytes by which a mark is set, as they stand in the log too."""
    value = mark.encode()
    key = MARK_KEY
    return b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(key), key, len(value), value)


def mark_length(mark: str) -> int:
    """Return how many bytes a mark takes in the log."""
    return len(mark_command(mark))


@contextmanager
def opened(path: Path) -> Iterator[Buffer]:
    """Give a file's bytes without reading them into memory."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            yield b""
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buf:
            yield buf


def read_logs(parts: Iterable[Part], known: Mapping[bytes, Verb] = KNOWN, tally: Tally | None = None) -> Logs:
    """Read every log file that is there, in order, as a server would: each begins in database 0."""
    logs = Logs([], tally or Tally(known=known))
    for part in parts:
        if part.there:
            with opened(part.path) as buf:
                _read(buf, part, logs)
    return logs


def _read(buf: Buffer, part: Part, logs: Logs) -> None:
    tally = logs.tally
    tally.db, before, when = b"0", len(tally.marks), tally.last_time
    kept = survey(buf, tally)
    end = len(buf)
    bad = sorted(kept.gaps + kept.insides + kept.halves)
    good = bad[0][0] if bad else end
    tail = "whole"
    if bad and bad[-1][1] == end:
        last = bad[-1]
        tail = "incomplete" if last in kept.halves or cut_short(buf, last[0], end) else "damaged"
    if kept.gaps and tally.first_time:
        logs.seconds_behind += tally.last_time - (when or tally.first_time)
    logs.files.append(Read(part, kept, tally.marks[before:], good, tail))


def write_kept(logs: Logs, out: BinaryIO, start: tuple[int, int] = (0, 0)) -> int:
    """Write every kept command behind `start` (number of the file, offset), in order; return the bytes."""
    written = 0
    for number, read in enumerate(logs.files):
        if number < start[0]:
            continue
        begin = start[1] if number == start[0] else 0
        written += out.write(SELECT_0)
        with opened(read.part.path) as buf:
            for first, last in read.kept.ranges:
                written += _copy(buf, max(first, begin), last, out)
    return written


def _copy(buf: Buffer, first: int, last: int, out: BinaryIO) -> int:
    for at in range(first, last, _BLOCK):
        out.write(buf[at : min(last, at + _BLOCK)])
    return max(0, last - first)


def dropped(logs: Logs, start: tuple[int, int] = (0, 0)) -> list[tuple[int, Range]]:
    """Return (number of the file, range) of everything behind `start` that is not replayed."""
    found = []
    for number, read in enumerate(logs.files):
        for first, last in sorted(read.kept.gaps + read.kept.insides + read.kept.halves):
            if (number, last) > start:
                found.append((number, (first, last)))
    return found


def named_in(path: Path, ranges: Iterable[Range], known: Mapping[bytes, Verb], most: int) -> list[bytes]:
    """Return at most `most` keys still readable in dropped ranges: the words behind names of commands."""
    found: dict[bytes, None] = {}
    with opened(path) as buf:
        for first, last in ranges:
            words = list(_words(buf, first, last))
            for place, word in enumerate(words[:-1]):
                verb = known.get(word.lower())
                if verb is not None and verb.first and word.lower() not in DENIED and len(found) < most:
                    found.update(dict.fromkeys(keys_of(verb._replace(last=verb.first), words[place:])))
    return list(found)


def _words(buf: Buffer, first: int, last: int) -> Iterator[bytes]:
    at = first
    while True:
        bulk = BULK.search(buf, at, last)
        if bulk is None:
            return
        stop = bulk.end() + int(bulk[1])
        if int(bulk[1]) < 4096 and buf[stop : stop + 2] == b"\r\n":
            yield buf[bulk.end() : stop]
            at = stop + 2
        else:
            at = bulk.end()


def as_data(read: Read, most: int = 50) -> dict[str, object]:
    """Return one read file as plain data for a report; lists are cut to `most`."""
    part, kept = read.part, read.kept
    return {
        "name": part.name,
        "seq": part.seq,
        "bytes": part.size,
        "owner": part.owner,
        "mode": part.mode,
        "mtime": part.mtime,
        "good_bytes": read.good,
        "tail": read.tail,
        "gaps": kept.gaps[:most],
        "gap_count": len(kept.gaps),
        "gap_bytes": total(kept.gaps),
        "inside_values": kept.insides[:most],
        "half_transactions": kept.halves[:most],
        "denied": [[at, words] for at, words in kept.denied[:most]],
        "marks": read.marks[-10:],
    }
