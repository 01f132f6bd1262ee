"""How a system is written to, probed and read back from outside: what the judge needs of each system."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct


def content_hash(*parts: bytes) -> str:
    """Return a short hash of a content; of several parts, one that tells where each begins and ends."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


class Intent(Struct, frozen=True, gc=False):
    """A write before it is sent: which key, what kind of write, and the hash of its content.

    `adds` tells that it is added to what the key holds (a list, a stream of messages), where other writes
    replace it.
    """

    key: str
    kind: str
    content: str
    adds: bool = False


class NotAcknowledged(Exception):
    """A write was sent, or could not be, and no acknowledgement came: whether it happened is unknown."""


class ProbeFailed(Exception):
    """The system did not do for the probe what it does for its users; the text says what."""


@dataclass(frozen=True)
class Observed:
    """What a system held when it was read back.

    `contents` has the content hashes found under each key, in their order; a key that is not there is
    missing. `keys` counts what the system itself counts and `size` is the bytes it holds.
    """

    contents: Mapping[str, tuple[str, ...]]
    keys: int
    size: int


class Hand(Protocol):
    """One client of the system, used by one thread; it reconnects by itself and never waits long."""

    def write(self, seq: int, intent: Intent) -> None:
        """Carry out the write of that number.

        Raises:
            NotAcknowledged: no acknowledgement came in its time.
        """

    def probe(self, n: int) -> None:
        """Read something known and write something that is read back, as a user would.

        Raises:
            ProbeFailed: it was not answered, or wrongly.
        """

    def close(self) -> None:
        """Let go of the connection; never raises."""


class Subject(Protocol):
    """One system under the drill, reached from outside with a client of its own."""

    @property
    def name(self) -> str:
        """What kind of system it is."""

    def plan(self, seq: int) -> Intent:
        """Return the write of that number; the same every time, from the drill's seed."""

    def hand(self) -> Hand:
        """Return a new client."""

    def preload(self, first: int, count: int) -> Iterator[tuple[list[int], list[Intent], float]]:
        """Load `count` writes in bulk, numbered from `first`; yield each batch and when it was sent.

        A batch is yielded once all of it is acknowledged.
        """

    def read_back(self) -> Observed:
        """Read everything the system holds, in bulk.

        Raises:
            ProbeFailed: it could not be read.
        """

    def versions(self) -> Mapping[str, str]:
        """Return the versions of the system and of the client we speak to it with."""
