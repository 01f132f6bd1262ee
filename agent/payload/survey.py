"""What an append-only file holds and what of it may be replayed: kept ranges, damage, keys, marks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.payload.commands import DENIED, KNOWN, RELATIVE, Verb, keys_of
from agent.payload.resp import Args, inside_a_value, pieces, read_known

if TYPE_CHECKING:
    from agent.payload.resp import Buffer

MARK_KEY = b"drillyard:mark"
Range = tuple[int, int]
_SAMPLE = 100_000
_DELETING = frozenset([b"del", b"unlink", b"rename", b"renamenx", b"move", b"getdel"])
_EXPIRING = frozenset([b"pexpireat", b"expire", b"expireat", b"pexpire", b"setex", b"psetex", b"getex"])


@dataclass
class Keys:
    """The keys a log leaves behind, by simulating it: a bounded share of them, chosen by hash.

    Approximate: a list emptied by LPOP still counts, an expired key too until its DEL is in the log. `plain`
    are the keys that were SET for good, so a server that loaded this log must have them.
    """

    live: dict[tuple[bytes, bytes], bool] = field(default_factory=dict)
    mask: int = 0

    def add(self, db: bytes, key: bytes, plain: bool) -> None:
        """Note that a command wrote `key`; `plain` for a SET without time to live."""
        if hash(key) & self.mask == 0:
            self.live[db, key] = plain
            if len(self.live) > _SAMPLE:
                self.mask = self.mask * 2 + 1
                self.live = {each: how for each, how in self.live.items() if hash(each[1]) & self.mask == 0}

    @property
    def count(self) -> int:
        """How many keys there are, estimated from the share."""
        return len(self.live) * (self.mask + 1)

    def sample(self, most: int) -> list[bytes]:
        """Return at most `most` plain keys of database 0, spread over all of the log."""
        plain = [key for (db, key), how in self.live.items() if how and db == b"0"]
        return plain[:: -(-len(plain) // most)] if plain and most else []


@dataclass
class Tally:
    """What was counted along the kept commands. Offsets are of the file the tally is fed from."""

    known: Mapping[bytes, Verb] = field(default_factory=lambda: KNOWN)
    keys: Keys = field(default_factory=Keys)
    commands: int = 0
    db: bytes = b"0"
    dbs: set[bytes] = field(default_factory=set)
    marks: list[tuple[str, int]] = field(default_factory=list)
    first_time: int = 0
    last_time: int = 0
    relative: dict[str, int] = field(default_factory=dict)
    relative_keys: list[str] = field(default_factory=list)
    wanted: frozenset[tuple[bytes, bytes]] = frozenset()
    touched: set[tuple[bytes, bytes]] = field(default_factory=set)
    unsure: bool = False
    in_unsure_db: int = 0
    behind: Keys | None = None
    commands_behind: int = 0
    denied_at: int = -1

    def feed(self, buf: Buffer, start: int, stop: int, *, after_gap: bool = False) -> int:
        """Count every command from `start`; return where the first one that cannot be read begins."""
        at, opened, known = start, -1, self.known
        self.denied_at = -1
        waiting: list[tuple[bytes, Args, int]] = []
        self.unsure = after_gap
        while at < stop:
            found = read_known(buf, at, stop, known)
            if found is None:
                break
            after, args = found
            if not args:
                self._note(buf[at:after])
            else:
                name = args[0].lower()
                if name == b"multi":
                    opened, waiting = at, []
                elif name == b"exec":
                    for each in waiting:
                        self._count(*each, after_gap)
                    opened, waiting = -1, []
                elif opened >= 0:
                    waiting.append((name, args, after))
                else:
                    if name in DENIED:
                        self.denied_at = at
                    self._count(name, args, after, after_gap)
            at = after
        # A transaction whose EXEC is missing was never carried out: what cannot be read begins with it.
        return opened if opened >= 0 else at

    def _note(self, line: bytes) -> None:
        if line.startswith(b"#TS:") and line[4:-2].isdigit():
            self.last_time = int(line[4:-2])
            self.first_time = self.first_time or self.last_time

    def _count(self, name: bytes, args: Args, after: int, after_gap: bool) -> None:
        self.commands += 1
        self.in_unsure_db += self.unsure
        self.commands_behind += after_gap
        if name == b"set" and args[1] != MARK_KEY:
            self._wrote(args[1], plain=len(args) == 3)
            return
        if name == b"select":
            self.db, self.unsure = args[1], False
        elif name in (b"flushall", b"flushdb", b"swapdb"):
            # What stands where after SWAPDB is not followed: those keys are no longer counted.
            gone = [each for each in self.keys.live if name != b"flushdb" or each[0] == self.db]
            for each in gone:
                del self.keys.live[each]
        elif name == b"set":
            self.marks.append((args[2].decode("utf-8", "replace"), after))
        else:
            self._other(name, keys_of(self.known[name], args), after_gap)

    def _other(self, name: bytes, keys: list[bytes], after_gap: bool) -> None:
        deleting = name in _DELETING
        for place, key in enumerate(keys):
            if deleting and not (place and name.startswith(b"rename")):
                self.keys.live.pop((self.db, key), None)
                self._touch(key)
            else:
                self._wrote(key, plain=False)
        if after_gap and name in RELATIVE:
            self.relative[name.decode()] = self.relative.get(name.decode(), 0) + 1
            if len(self.relative_keys) < 50 and keys:
                self.relative_keys.append(readable(keys[0]))

    def _wrote(self, key: bytes, *, plain: bool) -> None:
        self.dbs.add(self.db)
        self.keys.add(self.db, key, plain)
        if self.behind is not None:
            self.behind.add(self.db, key, plain)
        self._touch(key)

    def _touch(self, key: bytes) -> None:
        if self.wanted and (self.db, key) in self.wanted:
            self.touched.add((self.db, key))


@dataclass
class Kept:
    """What may be replayed of a file from its first damage on, and why the rest may not."""

    ranges: list[Range] = field(default_factory=list)
    gaps: list[Range] = field(default_factory=list)
    insides: list[Range] = field(default_factory=list)
    halves: list[Range] = field(default_factory=list)
    denied: list[tuple[int, str]] = field(default_factory=list)


def behind_damage(buf: Buffer, start: int, end: int, known: Mapping[bytes, Verb]) -> Kept:
    """Return what may be replayed from the first bad byte at `start` on.

    Not replayed: `gaps` (bytes that are no command), `insides` (commands that were the text of a value),
    `halves` (transactions without their MULTI or their EXEC), `denied` (offset and words of commands that do
    too much to be believed behind damage; a whole transaction with one of them).
    """
    kept, run, begun = Kept(), _Run(), start
    for at, stop, args in pieces(buf, start, end, known):
        if args is not None:
            run.take(at, stop, args)
            continue
        if at > begun:
            _close(buf if kept.gaps else None, kept, run, begun, at)
        kept.gaps.append((at, stop))
        run, begun = _Run(), stop
    if begun < end:
        _close(None, kept, run, begun, end)
    return kept


@dataclass
class _Run:
    """The commands between two damaged places: what of them is kept is known when they end."""

    ranges: list[Range] = field(default_factory=list)
    halves: list[Range] = field(default_factory=list)
    denied: list[tuple[int, str]] = field(default_factory=list)
    opened: int = -1
    refused: bool = False

    def take(self, at: int, stop: int, args: Args) -> None:
        name = args[0].lower() if args else b""
        if name in DENIED:
            self.denied.append((at, readable(b" ".join(args)[:200])))
            self.refused = True
        if name == b"multi":
            self.opened, self.refused = at, False
        elif name == b"exec":
            self._exec(at, stop)
        elif self.opened < 0 and name not in DENIED:
            self._add(at, stop)

    def _exec(self, at: int, stop: int) -> None:
        if self.opened < 0:
            # Everything so far was the second half of a transaction: its MULTI is in the damage before.
            first = self.ranges[0][0] if self.ranges else at
            self.ranges, self.halves = [], [*self.halves, (first, stop)]
        elif not self.refused:
            self._add(self.opened, stop)
        self.opened = -1

    def _add(self, at: int, stop: int) -> None:
        if self.ranges and self.ranges[-1][1] == at:
            self.ranges[-1] = (self.ranges[-1][0], stop)
        else:
            self.ranges.append((at, stop))


def _close(buf: Buffer | None, kept: Kept, run: _Run, begun: int, stop: int) -> None:
    if buf is not None and inside_a_value(buf, begun, stop):
        kept.insides.append((begun, stop))
        return
    if run.opened >= 0:
        run.halves.append((run.opened, stop))
    kept.ranges += run.ranges
    kept.halves += run.halves
    kept.denied += run.denied


def survey(buf: Buffer, tally: Tally, start: int = 0) -> Kept:
    """Count what may be replayed of `buf` from `start` on into `tally`, and return which ranges that is."""
    end = len(buf)
    stop = tally.feed(buf, start, end)
    whole = [(start, stop)] if stop > start else []
    if stop == end:
        return Kept(ranges=whole)
    if tally.denied_at >= 0 and inside_a_value(buf, tally.denied_at, stop):
        # A length that was damaged into another that fits, too: what a value holds came to light without a
        # gap. Nothing dangerous of it is replayed.
        stop = max(start, tally.denied_at)
        whole = [(start, stop)] if stop > start else []
    return _and_then(buf, tally, whole, stop)


def _and_then(buf: Buffer, tally: Tally, whole: list[Range], stop: int) -> Kept:
    kept = behind_damage(buf, stop, len(buf), tally.known)
    tally.behind = tally.behind or Keys()
    for first, last in kept.ranges:
        tally.feed(buf, first, last, after_gap=True)
    kept.ranges = whole + kept.ranges
    return kept


def readable(data: bytes) -> str:
    """Return bytes as text that can be shown and written anywhere; what is not UTF-8 as \\xhh."""
    return data.decode("utf-8", "backslashreplace")


def total(ranges: Iterable[Range]) -> int:
    """Return how many bytes some ranges are together."""
    return sum(stop - start for start, stop in ranges)
