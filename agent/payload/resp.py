"""Reading an append-only file as pieces: whole commands, and the damaged bytes between them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agent.payload.commands import Verb, fits

if TYPE_CHECKING:
    import mmap

    Buffer = bytes | mmap.mmap

Args = tuple[bytes, ...]

LOOK = 3
"""So many known commands in a row make a place where reading may go on."""

# Commands of one to six words without a carriage return in them: nearly all there are, read by one match.
_FAST = {
    b"*%d\r\n" % count: re.compile(rb"\*%d\r\n" % count + rb"\$(\d{1,9})\r\n([^\r]*)\r\n" * count)
    for count in range(1, 7)
}
_LENGTH = {b"%d" % number: number for number in range(4096)}
_HEAD = re.compile(rb"\*([1-9]\d{0,6})\r\n")
BULK = re.compile(rb"\$(\d{1,9})\r\n")
_NOTE = re.compile(rb"#[^\r\n]{0,60}\r\n")
_SEARCH = re.compile(rb"\*[1-9]\d{0,6}\r\n\$\d|\$(\d{1,9})\r\n")
_BEHIND_LENGTH = re.compile(rb"\r\n\$\d{1,9}\r\n\Z")
# What a damaged command still begins with: a right first line, one with one wrong byte, one cut off by the
# end of the file, or bytes that are all the same.
_CUT_HEAD = re.compile(
    rb"\*\d{1,7}\r\n\$[^\r\n]|.\d{1,7}\r\n\$\d|\*[^\r\n]{1,7}\r\n\$\d|\*\d{1,7}.\n\$\d|\*\d{1,7}\r.\$\d"
    rb"|\*\d{1,7}\r\n.\d|\*(\d{1,7}\r?\n?\$?)?\Z|#TS:|(.)\2{15}",
    re.DOTALL,
)
_CUT_LINE = re.compile(rb"[*$](\d{1,9}\r?)?")
_TOO_LONG_FOR_A_VALUE = 1 << 20


def read_one(buf: Buffer, at: int, end: int) -> tuple[int, Args] | None:
    """Return where the command at `at` ends and its words; no words for an annotation; None for damage."""
    fast = _FAST.get(buf[at : at + 4])
    if fast is not None:
        found = fast.match(buf, at, end)
        if found is not None:
            parts = found.groups()
            args = parts[1::2]
            if [_LENGTH.get(text, -1) for text in parts[::2]] == list(map(len, args)):
                return found.end(), args
    return _read_slowly(buf, at, end)


def _read_slowly(buf: Buffer, at: int, end: int) -> tuple[int, Args] | None:
    head = _HEAD.match(buf, at, end)
    if head is None:
        note = _NOTE.match(buf, at, end)
        return (note.end(), ()) if note else None
    place, args = head.end(), []
    for _ in range(int(head[1])):
        bulk = BULK.match(buf, place, end)
        if bulk is None:
            return None
        place = bulk.end() + int(bulk[1])
        if place + 2 > end or buf[place : place + 2] != b"\r\n":
            return None
        args.append(buf[bulk.end() : place])
        place += 2
    return place, tuple(args)


def read_known(buf: Buffer, at: int, end: int, known: Mapping[bytes, Verb]) -> tuple[int, Args] | None:
    """Like `read_one`, and None too where the command is not known or has a wrong number of words."""
    found = read_one(buf, at, end)
    if found is None or not found[1]:
        return found
    verb = known.get(found[1][0]) or known.get(found[1][0].lower())
    return found if verb is not None and fits(verb, len(found[1])) else None


def pieces(
    buf: Buffer, at: int, end: int, known: Mapping[bytes, Verb]
) -> Iterator[tuple[int, int, Args | None]]:
    """Yield (start, stop, words) of every command in turn; words are None for a stretch of damaged bytes."""
    while at < end:
        found = read_known(buf, at, end, known)
        if found is None:
            stop = resync(buf, at, end, known)
            yield at, stop, None
        else:
            stop, args = found
            yield at, stop, args
        at = stop


def resync(buf: Buffer, bad: int, end: int, known: Mapping[bytes, Verb]) -> int:
    """Return the first place behind `bad` where reading may go on, or `end`.

    That is where LOOK known commands follow one another, or fewer and then the end. A word that ends where
    its length says is passed over as a whole. Commands inside of what a word's length claims, which do not
    begin on a line of their own or stand right behind that length, are the text of a value (cut off, or
    damaged at its end): they are passed over, too.
    """
    at, claimed = bad + 1, bad
    while True:
        found = _SEARCH.search(buf, at, end)
        if found is None:
            return end
        start, at = found.start(), found.start() + 1
        if found[1] is not None:
            stop = found.end() + int(found[1])
            if _ends_there(buf, stop, end):
                at = stop + 2
            claimed = max(claimed, stop)
        elif _goes_on(buf, start, end, known):
            before = buf[max(0, start - 13) : start]
            own_line = before.endswith(b"\r\n") and not _BEHIND_LENGTH.search(before)
            if own_line or start >= claimed:
                return start
            at = _end_of_run(buf, start, end, known)


def _ends_there(buf: Buffer, stop: int, end: int) -> bool:
    whole = stop + 2 <= end and buf[stop : stop + 2] == b"\r\n"
    return whole and buf[stop + 2 : stop + 3] in (b"", b"*", b"$", b"#")


def cut_short(buf: Buffer, at: int, end: int) -> bool:
    """Return whether the bytes from `at` are a command whose rest the end of the file cut off.

    A word that claims to reach far beyond the end, with commands behind it, has a damaged length instead.
    """
    head = _HEAD.match(buf, at, end)
    if head is None:
        return _CUT_LINE.fullmatch(buf, at, end) is not None
    place = head.end()
    for _ in range(int(head[1])):
        bulk = BULK.match(buf, place, end)
        if bulk is None:
            return place == end or _CUT_LINE.fullmatch(buf, place, end) is not None
        place = bulk.end() + int(bulk[1])
        if place + 2 > end:
            return b"\r\n*" not in buf[bulk.end() : end]
        if buf[place : place + 2] != b"\r\n":
            return False
        place += 2
    return False


def _goes_on(buf: Buffer, at: int, end: int, known: Mapping[bytes, Verb]) -> bool:
    commands = 0
    while commands < LOOK and at < end:
        found = read_known(buf, at, end, known)
        if found is None:
            return False
        at = found[0]
        commands += bool(found[1])
    return commands > 0


def _end_of_run(buf: Buffer, at: int, end: int, known: Mapping[bytes, Verb]) -> int:
    while at < end:
        found = read_known(buf, at, end, known)
        if found is None:
            break
        at = found[0]
    return at


def inside_a_value(buf: Buffer, start: int, stop: int) -> bool:
    """Return whether the commands from `start` (behind damage) to the bad byte at `stop` were a value's text.

    A value may hold text that reads as commands. Where the length of that value was damaged they come to
    light, and the rest of the value follows them instead of a command: such a run is not replayed. A run
    longer than a mebibyte is believed.
    """
    return stop - start < _TOO_LONG_FOR_A_VALUE and _CUT_HEAD.match(buf, stop) is None
