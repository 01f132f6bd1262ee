"""Archives that gunzip and tar open by hand, written as a stream, and read without trusting a single name."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from agent.payload import blocks, durable, sealed
from agent.payload.durable import Refuse

_BLOCK = 1 << 20
_UNREADABLE = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError)


class _Blocks(io.RawIOBase):
    """Blocks, to be read one behind the other."""

    def __init__(self, found: Iterator[bytes]) -> None:
        self._found, self._left = found, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while not self._left:
            block = next(self._found, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        count = min(len(into), len(self._left))
        into[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


@contextmanager
def unzipped(path: Path, ahead: int = blocks.AHEAD) -> Iterator[IO[bytes]]:
    """Open what a .gz holds to read; so many blocks (1 MiB) are unpacked ahead.

    Raises:
        Refuse: it is cut off or damaged; so does reading it.
    """
    try:
        with sealed.opened(path) as raw:
            yield io.BufferedReader(_Blocks(blocks.blocks(raw, ahead)), _BLOCK)
    except _UNREADABLE as error:
        raise Refuse(f"{path.name} cannot be unpacked: {error}") from None


@contextmanager
def zipped(path: Path, level: int, taken: int, to: Sequence[str] = ()) -> Iterator[IO[bytes]]:
    """Open a new .gz to write to; its header carries the moment `taken`, and no name.

    It is sealed for the public keys `to`.
    """
    with sealed.sealing(path, to) as raw, closing(blocks.Packing(raw, level, taken)) as file:
        yield cast(IO[bytes], file)
        file.finish()


def writing(out: IO[bytes]) -> tarfile.TarFile:
    """Return an archive to be written to a stream; to be closed."""
    return tarfile.open(fileobj=out, mode="w|", bufsize=_BLOCK, format=tarfile.GNU_FORMAT)


def moment(path: Path) -> int:
    """Return the moment that the header of a .gz carries; raises Refuse where it is none."""
    with sealed.opened(path) as file:
        head = file.read(8)
    if len(head) < 8 or head[:3] != b"\x1f\x8b\x08":
        raise Refuse(f"expected {path.name} to be a gzip file, found that it does not begin like one")
    return int.from_bytes(head[4:8], "little")


def member(name: str, size: int, taken: int, mode: int = 0o644) -> tarfile.TarInfo:
    """Return the header of a plain file in an archive, nobody's own."""
    found = tarfile.TarInfo(name)
    found.size, found.mtime, found.mode = size, taken, mode
    return found


def added(tar: tarfile.TarFile, path: Path, name: str, changed: int) -> list[Any]:
    """Add a file to an archive under a name; return its size, its time `changed` (ns), and its SHA-256."""
    size, total = path.stat().st_size, durable.digest(path)
    with path.open("rb") as file:
        tar.addfile(member(name, size, changed // 10**9), file)
    return [size, changed, total]


def unzipping(path: Path) -> Iterator[bytes]:
    """Yield what a .gz holds, in blocks.

    Raises:
        Refuse: it is cut off or damaged.
    """
    try:
        with sealed.opened(path) as raw:
            yield from blocks.blocks(raw)
    except _UNREADABLE as error:
        raise Refuse(f"{path.name} cannot be unpacked: {error}") from None


def members(path: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Yield each plain file of a tar.gz and what it holds, to be read before the next one is asked for.

    Raises:
        Refuse: it is cut off or damaged, or has anything but plain files with names inside of it.
    """
    with unzipped(path) as file:
        with tarfile.open(fileobj=file, mode="r|", bufsize=_BLOCK) as tar:
            for entry in tar:
                if entry.isdir():
                    continue
                why = _refused(entry)
                if why:
                    raise Refuse(f"{path.name} holds {entry.name!r}, {why}")
                content = tar.extractfile(entry)
                assert content is not None
                yield entry, content
        # tarfile stops at its own end mark and sees neither a cut-off end nor a wrong sum behind it.
        while file.read(_BLOCK):
            pass


def unpack(path: Path, folder: Path) -> dict[str, str]:
    """Unpack a tar.gz below a folder, not yet synced; return its files' SHA-256; raises like `members`."""
    sums: dict[str, str] = {}
    for entry, content in members(path):
        target = folder / entry.name
        target.parent.mkdir(parents=True, exist_ok=True)
        total = hashlib.sha256()
        # A name that an earlier increment brought is replaced, whatever it was.
        target.unlink(missing_ok=True)
        with target.open("xb") as out:
            while block := content.read(_BLOCK):
                total.update(block)
                out.write(block)
        os.utime(target, (entry.mtime, entry.mtime))
        sums[entry.name] = total.hexdigest()
    return sums


def _refused(entry: tarfile.TarInfo) -> str:
    path = PurePosixPath(entry.name)
    if path.is_absolute() or ".." in path.parts or "\0" in entry.name or not path.parts:
        return "a name that leads out of the folder it is unpacked to"
    if entry.issym() or entry.islnk():
        return "a link"
    return "" if entry.isreg() else "no plain file"
