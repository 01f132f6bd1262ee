"""Several renames as one change: written down first, so that whoever comes after a crash finishes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from agent.payload import durable
from agent.payload.durable import Refuse

_INTENT = ".drillyard-swap.json"


def swap(folder: Path, moves: list[tuple[Path, Path]]) -> None:
    """Rename each first path to its second, in order; killed anywhere in between, `finish` does the rest.

    Raises:
        Refuse: one of them is a file system of its own, which cannot be renamed; nothing was moved.
    """
    for source, _ in moves:
        refuse_mounted(source)
    told = [[str(source), str(target), _number(source)] for source, target in moves]
    durable.write(folder / _INTENT, json.dumps(told).encode())
    finish(folder)


def refuse_mounted(path: Path) -> None:
    """Refuse a folder in which another file system is mounted: no rename takes it away."""
    if os.path.ismount(path):
        raise Refuse(
            f"expected {path} to be a plain folder, which a rename moves aside, found a file system mounted "
            f"there; nothing was moved. Mount that elsewhere, make {path} a link to it, and run this again"
        )


def pending(folder: Path) -> bool:
    """Whether a swap in that folder was left undone."""
    return (folder / _INTENT).exists()


def finish(folder: Path) -> bool:
    """Finish what a swap in that folder left undone; return whether there was one.

    Raises:
        Refuse: both names of a move are taken, which nobody can have wanted.
    """
    intent = folder / _INTENT
    if not intent.exists():
        return False
    touched = {folder}
    for said in json.loads(intent.read_bytes()):
        source, target = Path(said[0]), Path(said[1])
        # Under a name that was moved away another file may stand by now: what is meant is told by its inode.
        if said[2] == 0 or _number(source) != said[2]:
            continue
        if _number(target):
            raise Refuse(f"expected {target} to be free for {source}, found it taken; nothing more was moved")
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        touched |= {source.parent, target.parent}
    for each in touched:
        if each.is_dir():
            durable.sync(each)
    intent.unlink()
    durable.sync(folder)
    return True


def _number(path: Path) -> int:
    try:
        return path.lstat().st_ino
    except FileNotFoundError:
        return 0
