"""Bring keys that only a copy holds into a rebuilt database, and values the copy shows to be garbled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from agent.payload.scratch import Client, ErrorReply
from agent.payload.survey import MARK_KEY

DbKey = tuple[bytes, bytes]

FEW = 64
"""So many differing values are taken for damage; more mean that the copy is simply older."""


@dataclass
class Mended:
    """What was done: keys filled in, values mended, garbled names removed, values that stay doubtful."""

    filled: list[DbKey] = field(default_factory=list)
    mended: list[DbKey] = field(default_factory=list)
    removed: list[DbKey] = field(default_factory=list)
    doubtful: list[DbKey] = field(default_factory=list)


def mend(
    result: Client, copy: Client, touched: Callable[[frozenset[DbKey]], set[DbKey]], values: bool
) -> Mended:
    """Fill `result` from `copy`; with `values` compare the values of keys both hold, too.

    `touched` tells which of some keys the replayed log wrote or deleted: those are left as they are. A key
    comes over with its time to live, by DUMP and RESTORE.
    """
    done = Mended()
    gone, differing = _compare(result, copy, values)
    gone -= touched(frozenset(gone)) if gone else set()
    differing -= touched(frozenset(differing)) if differing else set()
    for at in sorted(gone):
        done.filled += [at] * _carry(result, copy, at)
    if values:
        done.removed = _remove_garbled_names(result, copy, set(done.filled), touched)
        for at in sorted(differing):
            certain = _garbled(_text(result, at)) and not _garbled(_text(copy, at))
            mendable = certain or len(differing) <= FEW
            carried = mendable and _carry(result, copy, at)
            (done.mended if carried else done.doubtful).append(at)
    return done


def _compare(result: Client, copy: Client, values: bool) -> tuple[set[DbKey], set[DbKey]]:
    gone: set[DbKey] = set()
    differing: set[DbKey] = set()
    for db, keys in _all(copy):
        result.ask("SELECT", db)
        there = result.ask_all([("EXISTS", key) for key in keys])
        gone |= {(db, key) for place, key in enumerate(keys) if not there[place]}
        both = [key for place, key in enumerate(keys) if there[place]]
        if values and both:
            ours = result.ask("DEBUG", "DIGEST-VALUE", *both)
            theirs = copy.ask("DEBUG", "DIGEST-VALUE", *both)
            differing |= {(db, key) for place, key in enumerate(both) if ours[place] != theirs[place]}
    return gone, differing


def _all(client: Client) -> Iterator[tuple[bytes, list[bytes]]]:
    for db in client.counts():
        client.ask("SELECT", db)
        for keys in client.scan():
            yield b"%d" % db, [key for key in keys if key != MARK_KEY]


def _carry(result: Client, copy: Client, at: DbKey) -> bool:
    db, key = at
    copy.ask("SELECT", db)
    result.ask("SELECT", db)
    value, until = copy.ask_all([("DUMP", key), ("PEXPIRETIME", key)])
    if value is None:
        return False
    options = ("REPLACE", "ABSTTL") if until > 0 else ("REPLACE",)
    return bool(result.ask("RESTORE", key, max(0, until), value, *options) == b"OK")


def _text(client: Client, at: DbKey) -> bytes:
    client.ask("SELECT", at[0])
    reply = client.ask_all([("GET", at[1])])[0]
    return b"" if reply is None or isinstance(reply, ErrorReply) else bytes(reply)


def _garbled(text: bytes) -> bool:
    try:
        return any(ord(letter) < 32 and letter not in "\t\r\n" for letter in text.decode("utf-8"))
    except UnicodeDecodeError:
        return True


def _remove_garbled_names(
    result: Client, copy: Client, filled: set[DbKey], touched: Callable[[frozenset[DbKey]], set[DbKey]]
) -> list[DbKey]:
    """Remove keys whose name is a filled-in one's with some bytes changed: the same key, wrongly named."""
    if not 0 < len(filled) <= FEW:
        return []
    lengths = {(db, len(key)) for db, key in filled}
    strange: set[DbKey] = set()
    for db, keys in _all(result):
        copy.ask("SELECT", db)
        near = [key for key in keys if (db, len(key)) in lengths]
        there = copy.ask_all([("EXISTS", key) for key in near])
        strange |= {(db, key) for place, key in enumerate(near) if not there[place]}
    strange -= touched(frozenset(strange)) if strange else set()
    removed = []
    for db, key in sorted(strange):
        if any(db == other and _differ_little(key, name) for other, name in filled):
            result.ask("SELECT", db)
            result.ask("DEL", key)
            removed.append((db, key))
    return removed


def _differ_little(one: bytes, other: bytes) -> bool:
    if len(one) != len(other):
        return False
    changed = sum(one[place] != other[place] for place in range(len(one)))
    # Keys made of counters differ in few letters too: a garbled one has bytes the other's kind never has.
    return 0 < changed <= max(1, len(one) // 2) and _garbled(one) and not _garbled(other)
