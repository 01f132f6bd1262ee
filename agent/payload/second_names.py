"""Files in use given second names, under which they stay as they are while the application goes on."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from agent.payload import durable
from agent.payload.kept_set import Place


def listed(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of every file below a folder, by name; what begins with a dot is not whole yet."""
    found: dict[str, tuple[int, int]] = {}
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for name in names:
            path = Path(root, name)
            facts = None if name.startswith(".") else durable.seen(path)
            if facts and stat.S_ISREG(facts.st_mode):
                found[str(path.relative_to(folder))] = (facts.st_size, facts.st_mtime_ns)
    return found


def near(place: Place, folder: Path) -> Path:
    """Return a folder in which files of `folder` may have second names: that is bound to a file system.

    Its own where it is on another one than the rest of the data, else the data's: the application looks there
    less.
    """
    apart = folder.is_dir() and folder.stat().st_dev != place.data.stat().st_dev
    return folder.resolve() if apart else place.data


def linked(folder: Path, links: Path) -> dict[str, tuple[int, int]]:
    """Give every file a second name of ours, under which it stays when the application deletes it."""
    found = listed(folder)
    for name in found:
        target = links / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(folder / name, target)
    return found
