"""What a power cut left of an audit's line, and the line by which somebody took it upon themselves."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

EVENT = "torn line acknowledged"
FIRST = "0" * 64


@dataclass(frozen=True)
class Acknowledged:
    """The line that is torn (counted from 1), and who has said so, when (UTC) and why.

    `torn` and `former` are the hashes of that line and of the one before it: as what is torn no longer says
    what it follows from, they are what a later change of either is seen by.
    """

    line: int
    at: str
    who: str
    reason: str
    torn: str
    former: str

    def holds(self, lines: Sequence[bytes]) -> bool:
        """Whether line and place are as they were when it was said."""
        place = self.line - 1
        return (self.torn, self.former) == (hashed(lines[place]), former(lines, place))


def acknowledged_in(lines: Sequence[bytes]) -> dict[int, Acknowledged]:
    """Return, by its number, what a later line says of a torn one; where several do, the first counts."""
    found: dict[int, Acknowledged] = {}
    for number, line in enumerate(lines, 1):
        if EVENT.encode() in line and (each := _read(line)) and 0 < each.line < number:
            found.setdefault(each.line, each)
    return found


def _read(line: bytes) -> Acknowledged | None:
    try:
        told = json.loads(line)
        if told["event"] != EVENT:
            return None
        words = (str(told[key]) for key in ("at", "who", "reason", "torn", "former"))
        return Acknowledged(int(told["line"]), *words)
    except (ValueError, KeyError, TypeError):
        return None


def is_torn(line: bytes) -> bool:
    """Whether a line is not whole; the beginning of one of ours never is."""
    try:
        json.loads(line)
    except ValueError:
        return True
    return False


def former(lines: Sequence[bytes], place: int) -> str:
    """Return the hash of the line before a place, which the line there should follow from."""
    return hashed(lines[place - 1]) if place else FIRST


def hashed(line: bytes) -> str:
    """Return what the next line has to name."""
    return hashlib.sha256(line).hexdigest()
