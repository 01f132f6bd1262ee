"""An SQLite file page by page: what changed since the copy before, for tar and dd to put back.

An increment is a tar.gz with `increment.json`, `size` (the file's bytes afterwards) and `pages/OFFSET`, each
a run of changed pages that belongs at that byte. Only copies made by SQLite's backup keep unchanged pages the
same; VACUUM INTO moves all of them.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agent.payload.durable import Refuse
from agent.payload.tarball import member, unzipped, writing

_WIDTH = 16
_RUN = 4 << 20
_BLOCK = 1 << 20
_TAR = 512


@dataclass(frozen=True)
class Pages:
    """A file's size, page size and SHA-256, and a short digest of each page one behind the other."""

    size: int
    page_size: int
    sha256: str
    digests: bytes

    def store(self, name: str) -> bytes:
        """Return it as the bytes of a file; `name` is the backup it is of."""
        head = {"of": name, "size": self.size, "page_size": self.page_size, "sha256": self.sha256}
        return json.dumps(head).encode() + b"\n" + self.digests

    @classmethod
    def load(cls, path: Path, name: str, sha256: str) -> Pages | None:
        """Return what was stored for the backup `name` with that SHA-256; None where it is of another one."""
        try:
            head, _, digests = path.read_bytes().partition(b"\n")
            said: dict[str, Any] = json.loads(head)
            found = cls(int(said["size"]), int(said["page_size"]), str(said["sha256"]), digests)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        right = said.get("of") == name and found.sha256 == sha256
        return found if right and len(digests) == _WIDTH * -(-found.size // found.page_size) else None


def read(path: Path) -> Pages:
    """Read an SQLite file whole.

    Raises:
        Refuse: it does not begin like one.
    """
    total, digests = hashlib.sha256(), bytearray()
    with path.open("rb") as file:
        head = file.read(100)
        size = page_size(head, path)
        file.seek(0)
        while block := file.read(max(_BLOCK, size)):
            total.update(block)
            digests += b"".join(
                hashlib.blake2b(block[at : at + size], digest_size=_WIDTH).digest()
                for at in range(0, len(block), size)
            )
    return Pages(path.stat().st_size, size, total.hexdigest(), bytes(digests))


def page_size(head: bytes, path: Path) -> int:
    """Return the page size that the first bytes of an SQLite file name; raises like `read`."""
    if head[:16] != b"SQLite format 3\0":
        raise Refuse(f"expected {path} to begin like an SQLite database, found {head[:16]!r}")
    size = int.from_bytes(head[16:18], "big")
    return 65536 if size == 1 else size


def changed(old: Pages, new: Pages) -> Iterator[tuple[int, int]]:
    """Yield the runs (offset, length) of pages in which `new` differs from `old`."""
    size, start = new.page_size, -1
    count = len(new.digests) // _WIDTH
    for number in range(count + 1):
        at = number * _WIDTH
        same = number == count or (
            old.page_size == size and old.digests[at : at + _WIDTH] == new.digests[at : at + _WIDTH]
        )
        if not same and start < 0:
            start = number
        full = start >= 0 and (number - start) * size >= _RUN
        if start >= 0 and (same or full):
            yield start * size, min(number * size, new.size) - start * size
            start = -1 if same else number


def write(into: IO[bytes], database: Path, pages: tuple[Pages, Pages], taken: int) -> int:
    """Write the increment that makes the first of `pages` the second, `database`; return its runs."""
    old, new = pages
    told = {"from": old.sha256, "to": new.sha256, "size": new.size}
    count = 0
    with writing(into) as tar:
        for name, text in (("increment.json", json.dumps(told)), ("size", str(new.size))):
            content = text.encode()
            tar.addfile(member(name, len(content), taken), io.BytesIO(content))
        with database.open("rb") as file:
            for offset, length in changed(old, new):
                file.seek(offset)
                tar.addfile(member(f"pages/{offset}", length, taken), file)
                count += 1
    return count


@dataclass(frozen=True)
class Increment:
    """An increment being read: the size of what it leads to, its SHA-256, and its runs (offset, pages).

    The runs come in the order of their places, from front to back.
    """

    size: int
    to: str
    runs: Iterator[tuple[int, bytes]]


@contextmanager
def opened(path: Path, before: str) -> Iterator[Increment]:
    """Open an increment to a copy of SHA-256 `before`.

    Raises:
        Refuse: it goes on from another copy, or is not whole; so does reading its runs.
    """
    # Many are read side by side: each by itself need not be far ahead.
    with unzipped(path, ahead=1) as tar:
        found = _members(path, tar)
        try:
            told: dict[str, Any] = json.loads(dict([next(found, ("", b""))])["increment.json"])
            start, size, to = str(told["from"]), int(told["size"]), str(told["to"])
        except (KeyError, ValueError, TypeError):
            raise Refuse(f"{path.name} does not say what it goes on from") from None
        if start != before:
            raise Refuse(f"{path.name} goes on from another copy than the one before it")
        yield Increment(size, to, _runs(path, found, size))


def _runs(path: Path, found: Iterator[tuple[str, bytes]], size: int) -> Iterator[tuple[int, bytes]]:
    end = 0
    for name, content in found:
        if not (name.startswith("pages/") and name[6:].isdigit()):
            continue
        offset = int(name[6:])
        if offset + len(content) > size:
            raise Refuse(f"{path.name} holds pages behind the end of what it leads to")
        if offset < end:
            raise Refuse(f"{path.name} holds pages that are not in their order")
        end = offset + len(content)
        yield offset, content


def _members(increment: Path, tar: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of what `write` wrote, and read to the end; tarfile takes ten times as long."""
    while (head := tar.read(_TAR)) and head != bytes(_TAR):
        try:
            name, size = head[:100].rstrip(b"\0").decode("ascii"), int(head[124:135], 8)
        except ValueError:
            raise Refuse(f"{increment.name} is not the archive of an increment") from None
        plain = head[156:157] == b"0" and len(head) == _TAR and 0 <= size <= 2 * _RUN
        # The sum that a header has of itself is left to tar: gzip's has vouched for every byte by now.
        if not plain:
            raise Refuse(f"{increment.name} holds {name[:60]!r}, which is no run of pages")
        content = tar.read(-(-size // _TAR) * _TAR)
        if len(content) < size:
            raise Refuse(f"{increment.name} ends within {name}")
        yield name, content[:size]
    while tar.read(_BLOCK):
        pass
