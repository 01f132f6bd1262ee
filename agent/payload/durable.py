"""A file under its final name only when it is whole and on the disk, with its SHA-256 beside it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_BLOCK = 1 << 20
_LOCK = ".lock"
RESERVE = 64 << 20
UNABLE = ("NO ROOM", "NO KEY", "NO AGE")
"""How a message begins that is about this host, and not about what was looked at."""


class Refuse(Exception):
    """What was asked is not done; the message says what was expected and what was found."""


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    return total.hexdigest()


def seen(path: Path, *, follow: bool = False) -> os.stat_result | None:
    """Return the facts of a file, or of a link itself unless `follow`; None where it went meanwhile.

    A folder in use changes under whoever walks it.
    """
    try:
        return path.stat() if follow else path.lstat()
    except FileNotFoundError:
        return None


def sync(path: Path) -> None:
    """Have a file's or a folder's content on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def settle(partial: Path, final: Path) -> tuple[int, str]:
    """Give a whole file its name, its sidecar first; return its size and SHA-256.

    Raises:
        Refuse: something is there under that name already.
    """
    if final.exists() or final.is_symlink():
        raise Refuse(f"expected {final} not to be there yet, found it")
    total = digest(partial)
    partial.chmod(0o640)
    write(Path(f"{final}.sha256"), f"{total}  {final.name}\n".encode())
    sync(partial)
    partial.rename(final)
    sync(final.parent)
    return final.stat().st_size, total


def write(path: Path, content: bytes, mode: int = 0o640) -> None:
    """Write a small file whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.chmod(mode)
    new.rename(path)
    sync(path.parent)


def wrong(path: Path, size: int, total: str) -> str:
    """Return what is wrong with a kept file by its size, its sum and its sidecar; empty where nothing is."""
    beside = Path(f"{path}.sha256")
    if path.is_symlink() or beside.is_symlink():
        return f"{path} or its sidecar is a symbolic link, not a file of its own"
    if not path.is_file():
        return f"{path} is not there"
    found = path.stat().st_size
    if found != size:
        return f"{path.name} has {found} bytes, its manifest says {size}"
    if digest(path) != total:
        return f"the SHA-256 of {path.name} is not the one in its manifest"
    said = beside.read_text("ascii", "replace").split()[:1] if beside.is_file() else []
    if said != [total]:
        return f"the sidecar of {path.name} and its manifest disagree on its SHA-256"
    return ""


def room(folder: Path, needs: int, what: str) -> None:
    """See that a folder's file system can hold `needs` bytes and a reserve.

    Raises:
        Refuse: it cannot; nothing was begun.
    """
    facts = os.statvfs(folder)
    free, size = facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize
    reserve = max(RESERVE, size // 50)
    if free < needs + reserve:
        raise Refuse(
            f"NO ROOM: expected {(needs + reserve) >> 20} MiB free in {folder} for {what} and a reserve, "
            f"found {free >> 20} MiB; nothing was begun"
        )


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Make a folder of one's own named after `folder`, and remove it at the end; killed ones' go too."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    # One of before had this name for all.
    remove(folder)
    for lock in folder.parent.glob(f"{folder.name}-*{_LOCK}"):
        _sweep(lock)
    with _claimed(folder) as lock:
        own = lock.with_name(lock.name.removesuffix(_LOCK))
        try:
            own.mkdir(mode=0o700)
            yield own
        finally:
            remove(own)
            lock.unlink()


@contextmanager
def _claimed(folder: Path) -> Iterator[Path]:
    """Hold a lock under a name that nobody else has; it is let go when we die."""
    while True:
        path = folder.with_name(f"{folder.name}-{secrets.token_hex(4)}{_LOCK}")
        with path.open("x") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Who swept it before we held it took it for a dead one's.
            if os.fstat(file.fileno()).st_nlink:
                yield path
                return


def _sweep(lock: Path) -> None:
    try:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(lock.with_name(lock.name.removesuffix(_LOCK)))
            lock.unlink()
    except (BlockingIOError, FileNotFoundError):
        # Somebody works in it, or swept it.
        return


def remove(folder: Path) -> None:
    """Remove a folder with all it holds, never what a link in its place leads to."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
