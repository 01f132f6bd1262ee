"""A database made of its full copy and its increments in one pass, from front to back.

Each page is written once and in its order, however many increments lead to it. To put one increment after the
other in place costs a write for each of their pages, all over the file: that took longer than unpacking them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.payload import pages
from agent.payload.durable import Refuse

_BLOCK = 1 << 20
_AT_ONCE = 24
"""So many increments are held open; of each up to 4 MiB of pages wait, and as much unpacked ahead."""


def fold(source: Iterable[bytes], before: str, increments: Sequence[tuple[Path, str]], target: Path) -> str:
    """Write a copy with its increments to a new file, not yet synced, and return the SHA-256 that came of it.

    `source` is the copy, said to be of SHA-256 `before`, which is not compared; with each increment stands
    the one that it should lead to. The caller compares the last: it vouches for all of them.

    Raises:
        Refuse: an increment goes on from another copy, leads to another one than said, or is not whole.
    """
    with target.open("xb"):
        pass
    for start in range(0, max(1, len(increments)), _AT_ONCE):
        some = increments[start : start + _AT_ONCE]
        total = _pass(source, before, some, target)
        # What is left goes onto what is there by now, in place: each block is read before it is written.
        source, before = _read(target), some[-1][1] if some else before
    return total


def _pass(source: Iterable[bytes], before: str, increments: Sequence[tuple[Path, str]], target: Path) -> str:
    total, at, size = hashlib.sha256(), 0, None
    with ExitStack() as stack, target.open("r+b", buffering=0) as out:
        layers = []
        for path, to in increments:
            found = stack.enter_context(pages.opened(path, before))
            if found.to != to:
                raise Refuse(f"{path.name} and its manifest lead to different databases")
            layers.append(_Layer(found.runs))
            before, size = to, found.size
        for block in source if size is None else _sized(source, size):
            patched = memoryview(bytearray(block) if layers else block)
            for layer in layers:
                layer.onto(patched, at)
            total.update(patched)
            at += len(patched)
            while patched:
                patched = patched[out.write(patched) :]
        out.truncate(at)
        for layer in layers:
            layer.end()
    return total.hexdigest()


def _sized(source: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield `size` bytes of a source, which is read to its end; what it lacks are zeros."""
    left = size
    for block in source:
        if left:
            yield block[:left]
            left -= min(left, len(block))
    while left:
        yield bytes(min(left, _BLOCK))
        left -= min(left, _BLOCK)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            yield block


class _Layer:
    """An increment's runs, of which the next one waits for its block."""

    def __init__(self, runs: Iterator[tuple[int, bytes]]) -> None:
        self._runs = runs
        self._offset, self._left = 0, memoryview(b"")
        self._next()

    def _next(self) -> None:
        offset, content = next(self._runs, (-1, b""))
        self._offset, self._left = offset, memoryview(content)

    def onto(self, block: memoryview, at: int) -> None:
        """Put what belongs into a block of the file, which begins at byte `at`, in its place."""
        end = at + len(block)
        while self._left and self._offset < end:
            part = self._left[: end - self._offset]
            block[self._offset - at : self._offset - at + len(part)] = part
            self._offset, self._left = self._offset + len(part), self._left[len(part) :]
            if not self._left:
                self._next()

    def end(self) -> None:
        """Read what is behind the end of the file, which a later increment cut off: it must be whole too."""
        while self._left:
            self._next()
