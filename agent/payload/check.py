"""Check a copy of a Redis database: what its checker says, or what a throwaway server finds in it.

python3 -I - '{"path": "/backup/redis/x.rdb", "work": "/var/lib/redis/check", "depth": "restored", ...}'
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from agent.payload.laid import check_log, lay
from agent.payload.programs import Programs
from agent.payload.rdb import Rdb, check
from agent.payload.scratch import LoadFailed, Server, end_with_grace, folder_for, own

_SPARE = 64 << 20


def examine(spec: dict[str, Any]) -> dict[str, Any]:
    """Return how the copy at `path` is: state, keys a database, the mark it carries.

    `kind` is full (an RDB) or aof (a tar of the append-only file). `depth` is opens (structure and checksum)
    or restored (loaded by a server of its own in `work`, which must not exist and is removed again, as
    `user`).
    """
    path, kind = Path(spec["path"]), spec.get("kind", "full")
    programs = Programs.of(spec)
    if kind == "full":
        found = check(path, programs)
        if found.state != "sound" or spec["depth"] != "restored":
            return _told(found)
    size = path.stat().st_size
    parent = Path(spec["work"]).parent
    facts = os.statvfs(parent)
    if facts.f_bavail * facts.f_frsize < size + _SPARE:
        raise OSError(f"{parent} has too little room to load a copy of {size} bytes for a check")
    with folder_for(Path(spec["work"]), spec["user"]) as folder:
        try:
            options = lay(path, kind, folder)
        except ValueError as error:
            return _told(Rdb("damaged", str(error)))
        own(folder, spec["user"])
        if kind != "full":
            found = check_log(next((folder / "laid").glob("*.manifest")), programs)
            if found.state != "sound" or spec["depth"] != "restored":
                return _told(found)
        timeout = spec.get("timeout", 300)
        with Server(folder, spec["user"], *options, timeout=timeout, programs=programs) as server:
            counts = server.client.counts()
            mark = server.client.ask("GET", "drillyard:mark")
    return {
        **_told(found),
        "keys": sum(counts.values()),
        "databases": counts,
        "mark": mark.decode("utf-8", "replace") if mark else "",
    }


def _told(found: Rdb) -> dict[str, Any]:
    return {
        "state": found.state,
        "detail": found.detail,
        "keys": found.keys,
        "version": found.version,
        "made": found.made,
    }


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    spec = json.loads(argv[0])
    end_with_grace(spec.get("timeout", 300))
    try:
        found = examine(spec)
    except LoadFailed as error:
        found = {"state": "damaged", "detail": f"a throwaway server refuses it: {error}", "keys": 0}
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(found, sys.stdout)
    return 0
