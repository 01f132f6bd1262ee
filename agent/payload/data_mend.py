"""Give a folder's files back to their owner, or make room in it by cutting logs; each says what it did.

python3 -I - '{"do": "owner", "data": "/data", "owner": "1000:1000", "backups": "/data/backups"}'
python3 -I - '{"do": "logs", "data": "/data", "logs": ["logs"], "keep": 1048576}'
"""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.payload.data_facts import below, size, usable
from agent.payload.telling import tell


def give_back(spec: dict[str, Any]) -> dict[str, Any]:
    """Give every file that is not its owner's alone back: 644, folders 755, whatever their mode was."""
    uid, gid = (int(part) for part in spec["owner"].split(":"))
    changed = []
    for path in below(spec["data"], spec.get("backups", "")):
        if usable(path, uid, gid):
            continue
        # What the application removes meanwhile is nobody's any more.
        with suppress(FileNotFoundError):
            before = path.lstat()
            os.chown(path, uid, gid, follow_symlinks=False)
            path.chmod(0o755 if stat.S_ISDIR(before.st_mode) else 0o644)
            changed.append(str(path))
    return {"changed": len(changed), "first": changed[:5]}


def cut_logs(spec: dict[str, Any]) -> dict[str, Any]:
    """Keep the newest `keep` bytes of each log, in place, as its writer holds it open; rotated ones go."""
    freed = 0
    for folder in (Path(spec["data"], name) for name in spec["logs"]):
        before = size(folder)
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.is_symlink() or not path.is_file():
                continue
            if rotated(path.name):
                path.unlink()
            elif path.suffix == ".log":
                cut(path, int(spec["keep"]))
        freed += before - size(folder)
    return {"freed": freed}


def rotated(name: str) -> bool:
    """Whether it is a log that was put aside: refserver.log.1, refserver.log.2.gz."""
    head, dot, tail = name.removesuffix(".gz").rpartition(".")
    return bool(dot) and tail.isdigit() and head.endswith(".log")


def cut(path: Path, keep: int) -> None:
    """Keep the last `keep` bytes of a file that somebody appends to, from a line's beginning on."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end <= keep:
            return
        file.seek(end - keep)
        tail = file.read(keep)
        tail = tail[tail.find(b"\n") + 1 :]
        file.seek(0)
        file.truncate()
        file.write(tail)


def main(argv: list[str]) -> int:
    """Do what is asked, and print what was done as JSON."""
    spec = json.loads(argv[0])
    tell(give_back(spec) if spec["do"] == "owner" else cut_logs(spec))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
