"""Look at a service that keeps its data in a folder, from its own host: health, mount, room, owners, lock.

python3 -I - '{"health": "http://refserver:8060/health", "data": "/data", "owner": "1000:1000", ...}'
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.payload.telling import tell
from agent.payload.visit import visit

_SHOWN = 5
_GATE = (".gate", ".quiesce")  # whoever comes first makes them, for everybody
_OTHERS_WRITE = 0o022
_OURS = "drillyard-"  # what a recovery has put aside, and what a backup holds while it is taken


def facts(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what can be seen; nothing is changed.

    `spec` has `health` (a URL). With `data` (a folder) also `owner` (uid:gid), `backups` (a folder left out
    of the owners), `lock` (a file's name) and `logs` (folders whose sizes are added up).
    """
    found: dict[str, Any] = {"health": visit(spec["health"], spec)}
    if data := spec.get("data"):
        found |= {
            "mounted": Path(data).is_mount(),
            "known_mount": known_mount(data),
            **room(data),
            **foreign(data, spec["owner"], spec.get("backups", "")),
            "lock": lock(data, spec.get("lock", "")),
            "logs_bytes": sum(size(Path(data, name)) for name in spec.get("logs", ())),
            "backups_bytes": size(Path(spec.get("backups") or f"{data}/backups")),
        }
    return found


def known_mount(data: str) -> bool:
    """Whether fstab says what is to be mounted there."""
    try:
        lines = Path("/etc/fstab").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any(line.split()[1:2] == [data] for line in lines if not line.lstrip().startswith("#"))


def room(data: str) -> dict[str, int]:
    """Return the bytes of the folder's file system that are left to a service, and all of them."""
    seen = os.statvfs(data)
    return {"free": seen.f_bavail * seen.f_frsize, "size": seen.f_blocks * seen.f_frsize}


def foreign(data: str, owner: str, backups: str) -> dict[str, Any]:
    """Return how many files and folders their owner cannot use, or others may write; the first of them."""
    uid, gid = (int(part) for part in owner.split(":"))
    paths = [str(path) for path in below(data, backups) if not usable(path, uid, gid)]
    return {"foreign": len(paths), "foreign_first": paths[:_SHOWN]}


def below(data: str, backups: str) -> Iterator[Path]:
    """Yield the data folder and everything in it that is the service's, links left out."""
    apart = {Path(data, "lost+found"), *([Path(backups)] if backups else ())}
    # It may be a link to a larger disk; whose that link is means nothing.
    yield Path(data).resolve() if Path(data).is_symlink() else Path(data)
    for where, folders, files in os.walk(data):
        folder = Path(where)
        folders[:] = [name for name in folders if folder / name not in apart]
        folders[:] = [name for name in folders if not _is_ours(name)]
        for path in (folder / name for name in (*folders, *files) if not _is_ours(name)):
            if path.name not in _GATE and not path.is_symlink():
                yield path


def _is_ours(name: str) -> bool:
    return name.lstrip(".").startswith(_OURS)


def usable(path: Path, uid: int, gid: int) -> bool:
    """Whether it belongs to whom it should, who may read and write it, and nobody else may write it.

    One that is gone is not wrong.
    """
    try:
        seen = path.lstat()
    except OSError:
        return True
    needed = 0o700 if stat.S_ISDIR(seen.st_mode) else 0o600
    return (
        seen.st_uid == uid
        and seen.st_gid == gid
        and seen.st_mode & needed == needed
        and not seen.st_mode & _OTHERS_WRITE
    )


def lock(data: str, name: str) -> str:
    """Return what a lock file says; "" where there is none."""
    try:
        return Path(data, name).read_text(encoding="utf-8").strip() if name else ""
    except OSError:
        return ""


def size(folder: Path) -> int:
    """Return the bytes that a folder takes on the disk."""
    total = 0
    for where, _, files in os.walk(folder):
        for name in files:
            try:
                total += Path(where, name).lstat().st_blocks * 512
            except OSError:
                continue
    return total


def main(argv: list[str]) -> int:
    """Print the facts as JSON."""
    tell(facts(json.loads(argv[0])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
