"""A .gz of members that stand alone, packed and unpacked side by side; gunzip and tar read it like any other.

Each member holds up to 1 MiB and names its length in its header's extra field "DY". What hardly shrinks is
stored as it is: to unpack it costs nothing.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO

_BLOCK = 1 << 20
_HEAD = struct.Struct("<4sLBBH2sHL")
_MAGIC, _LABEL = b"\x1f\x8b\x08\x04", b"DY"
_SIDE = 2
_SAMPLE = 8 << 10
AHEAD = 6
"""So many blocks are packed or unpacked before they are wanted."""


class Packing:
    """Packs what is written to it into `out`; `taken` stands in its headers (seconds since 1970)."""

    def __init__(self, out: IO[bytes], level: int, taken: int) -> None:
        self._out, self._level, self._taken = out, level, taken
        self._pool, self._ahead = ThreadPoolExecutor(_SIDE), deque[Future[bytes]]()
        self._held, self._any = bytearray(), False

    def write(self, data: bytes) -> int:
        """Take bytes; they are in `out` after `finish`."""
        self._held += data
        while len(self._held) >= _BLOCK:
            self._send(bytes(self._held[:_BLOCK]))
            del self._held[:_BLOCK]
        return len(data)

    def finish(self) -> None:
        """Write what is left."""
        if self._held or not self._any:
            self._send(bytes(self._held))
        while self._ahead:
            self._out.write(self._ahead.popleft().result())

    def close(self) -> None:
        """End the threads, whatever became of it."""
        self._pool.shutdown(cancel_futures=True)

    def _send(self, block: bytes) -> None:
        self._any = True
        self._ahead.append(self._pool.submit(_member, block, self._level, self._taken))
        if len(self._ahead) > AHEAD:
            self._out.write(self._ahead.popleft().result())


def blocks(file: IO[bytes], ahead: int = AHEAD) -> Iterator[bytes]:
    """Yield what a .gz holds, whoever packed it; so many blocks are unpacked before they are wanted.

    Raises:
        EOFError, zlib.error, gzip.BadGzipFile: it is cut off or damaged.
    """
    head = file.read(_HEAD.size)
    if head[:4] != _MAGIC or head[12:14] != _LABEL:
        yield from _streamed(head, file)
        return
    with ThreadPoolExecutor(_SIDE) as pool:
        coming = deque[Future[bytes]]()
        while head:
            coming.append(pool.submit(_opened, _body(head, file)))
            if len(coming) > ahead:
                yield coming.popleft().result()
            head = file.read(_HEAD.size)
        while coming:
            yield coming.popleft().result()


def _member(block: bytes, level: int, taken: int) -> bytes:
    packer = zlib.compressobj(level if _shrinks(block) else 0, zlib.DEFLATED, -15)
    body = packer.compress(block) + packer.flush()
    head = _HEAD.pack(_MAGIC, taken, 0, 255, 8, _LABEL, 4, len(body))
    return head + body + struct.pack("<LL", zlib.crc32(block), len(block))


def _shrinks(block: bytes) -> bool:
    starts = {0, len(block) // 2, max(0, len(block) - _SAMPLE)}
    sample = b"".join(block[start : start + _SAMPLE] for start in sorted(starts))
    return len(zlib.compress(sample, 1)) < 0.9 * len(sample)


def _body(head: bytes, file: IO[bytes]) -> bytes:
    if len(head) < _HEAD.size:
        raise EOFError("it ends within a header")
    magic, _, _, _, extra, label, width, length = _HEAD.unpack(head)
    if (magic, extra, label, width) != (_MAGIC, 8, _LABEL, 4) or length > 2 * _BLOCK:
        raise gzip.BadGzipFile("a member does not begin like one")
    body = file.read(length + 8)
    if len(body) < length + 8:
        raise EOFError("it ends within a member")
    return body


def _opened(body: bytes) -> bytes:
    unpacker = zlib.decompressobj(-15)
    block = unpacker.decompress(memoryview(body)[:-8], _BLOCK + 1)
    if not unpacker.eof or unpacker.unused_data:
        raise gzip.BadGzipFile("a member does not end where it should")
    if struct.unpack("<LL", body[-8:]) != (zlib.crc32(block), len(block)):
        raise gzip.BadGzipFile("a member's CRC is not that of what it holds")
    return block


def _streamed(data: bytes, file: IO[bytes]) -> Iterator[bytes]:
    unpacker, before = None, False
    while data or (data := file.read(_BLOCK)):
        if unpacker is None:
            # Zeros may follow a member, or another one.
            data = data.lstrip(b"\0") if before else data
            if not data:
                continue
            unpacker, before = zlib.decompressobj(31), True
        yield unpacker.decompress(data, _BLOCK)
        data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
        if unpacker.eof:
            unpacker = None
    if unpacker is not None:
        raise EOFError("it ends before its end mark")
