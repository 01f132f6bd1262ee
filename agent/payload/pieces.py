"""The pieces that a file is sent in, and the sums that go with each so that a spoilt one is refused there."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

# S3 takes at most 10,000.
_MOST = 9_000


@dataclass(frozen=True)
class Piece:
    """Bytes of a file from `start`, which are part `number` of its upload, counted from 1."""

    number: int
    start: int
    size: int


def pieces_of(size: int, wanted: int) -> Iterator[Piece]:
    """Yield the pieces of a file of `size` bytes, each of `wanted` bytes, or more where those were many."""
    length = max(wanted, -(-size // _MOST))
    for number, start in enumerate(range(0, max(size, 1), length), 1):
        yield Piece(number, start, min(length, size - start))


def sums(data: bytes) -> dict[str, str]:
    """Return the sums of a piece as S3 is told them: MD5, which every endpoint knows, and SHA-256."""
    md5 = hashlib.md5(data, usedforsecurity=False).digest()
    return {
        "ContentMD5": b64encode(md5).decode(),
        "ChecksumSHA256": b64encode(hashlib.sha256(data).digest()).decode(),
    }


def md5_of(data: bytes) -> str:
    """Return the MD5 of a piece as an endpoint gives it back for an ETag."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
