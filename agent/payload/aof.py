"""Look at an append-only file of Redis 7 without changing it, or copy what of it can be read.

    python3 -I - '{"do": "inspect", "data_dir": "/var/lib/redis", ...}'
    python3 -I - '{"do": "salvage", ..., "out": "/path/to/new.aof", "after": "backup mark or empty"}'

The answer is one JSON object on standard output. Memory stays bounded: files are mapped, keys sampled.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from agent.payload.chain import Chain, Part, read_chain, with_orphans
from agent.payload.commands import with_others
from agent.payload.logs import Logs, as_data, dropped, mark_command, opened, read_logs, write_kept
from agent.payload.programs import Programs
from agent.payload.rdb import Rdb, check, made


def inspect(spec: dict[str, Any]) -> dict[str, Any]:
    """Return how every file of the log is, what a cut at its first damage would lose, which keys it names.

    `spec` has data_dir, aof_dir, aof_name, user and may have known (more command names), sample (how many
    keys to give back as hex that a server with this log must hold), copy (the path of a backup) and dump
    (the path of a dump.rdb that may lie beside the log).
    """
    begun = time.monotonic()
    chain, base = whole_chain(spec)
    logs = read_logs(chain.logs, with_others(spec.get("known", ())))
    tally = logs.tally
    seconds = max(time.monotonic() - begun, 1e-6)
    first = logs.damaged[0] if logs.damaged else None
    return {
        "manifest": chain.manifest,
        "base": base.__dict__ | {"name": chain.base.name if chain.base else ""},
        "files": [as_data(read) for read in logs.files],
        "missing": chain.missing,
        "orphans": [part.name for part in chain.orphans],
        "order": chain.reasons,
        "foreign": chain.foreign,
        "commands": tally.commands,
        "keys": tally.keys.count,
        "databases": sorted(int(db) for db in tally.dbs if db.isdigit()),
        "marks": [mark for mark, _ in tally.marks],
        "cut": {
            "file": first.part.name if first else "",
            "at": first.good if first else 0,
            "commands": tally.commands_behind,
            "keys": tally.behind.count if tally.behind else 0,
            "seconds": logs.seconds_behind,
        },
        "in_unsure_database": tally.in_unsure_db if len(tally.dbs) > 1 else 0,
        "relative_behind_damage": tally.relative,
        "sample": [key.hex() for key in tally.keys.sample(int(spec.get("sample", 0)))],
        "bytes": sum(part.size for part in chain.logs if part.there),
        "mb_per_s": round(sum(part.size for part in chain.logs if part.there) / seconds / 1e6, 1),
        "copy": {"made": made(Path(spec["copy"]))} if spec.get("copy") else None,
        "dump": check(Path(spec["dump"]), Programs.of(spec)).__dict__ if spec.get("dump") else None,
    }


def whole_chain(spec: dict[str, Any]) -> tuple[Chain, Rdb]:
    """Return the chain to be replayed and how its base is; files of a forgotten earlier life included."""
    programs = Programs.of(spec)
    chain = read_chain(spec["data_dir"], spec["aof_dir"], spec["aof_name"], spec["user"])
    base = _check(chain.base, programs)
    if chain.manifest == "sound" and chain.orphans and base.state != "damaged" and base.keys == 0:
        chain = with_orphans(chain)
        base = _check(chain.base, programs)
    if chain.base and chain.base.there and base.state == "damaged" and _is_text(chain.base):
        # With aof-use-rdb-preamble no, the base is a log like the others.
        chain = Chain(
            chain.manifest, None, (chain.base, *chain.logs), chain.orphans, chain.foreign, chain.reasons
        )
        base = Rdb("sound", "the base is written as commands")
    return chain, base


def _check(base: Part | None, programs: Programs) -> Rdb:
    return check(base.path, programs) if base else Rdb("missing", "the manifest names no base")


def _is_text(base: Part) -> bool:
    with base.path.open("rb") as file:
        return file.read(1) in (b"*", b"#")


def salvage(spec: dict[str, Any]) -> dict[str, Any]:
    """Write what can be replayed of the log to `spec["out"]`, and return what was left out and why.

    With `after` only what follows that backup's mark is written.

    Raises:
        LookupError: the mark is not in the log.
    """
    begun = time.monotonic()
    chain, _ = whole_chain(spec)
    logs = read_logs(chain.logs, with_others(spec.get("known", ())))
    start = (0, 0)
    if spec.get("after"):
        place = logs.mark(spec["after"])
        if place is None:
            raise LookupError(f"the log does not hold the mark {spec['after']}")
        start = place
    with Path(spec["out"]).open("wb") as out:
        written = write_kept(logs, out, start)
        out.flush()
        os.fsync(out.fileno())
    seconds = max(time.monotonic() - begun, 1e-6)
    return {
        "files": [as_data(read) for read in logs.files],
        "written": written,
        "dropped": dropped(logs, start)[:100],
        "commands": logs.tally.commands,
        "relative_behind_damage": logs.tally.relative,
        "relative_keys": logs.tally.relative_keys,
        "in_unsure_database": logs.tally.in_unsure_db if len(logs.tally.dbs) > 1 else 0,
        "mb_per_s": round(_size(logs) / seconds / 1e6, 1),
    }


def find_mark(spec: dict[str, Any]) -> dict[str, Any]:
    """Return whether the log holds the backup mark `spec["mark"]` with nothing between its two halves."""
    chain = read_chain(spec["data_dir"], spec["aof_dir"], spec["aof_name"], spec["user"])
    both = mark_command(spec["mark"]) + mark_command(f"{spec['mark']}+")
    for part in reversed(chain.logs):
        with opened(part.path) as buf:
            at = buf.rfind(both)
        if at >= 0:
            return {"file": part.name, "at": at, "exact": True}
    return {"file": "", "at": 0, "exact": False}


def cut(spec: dict[str, Any]) -> dict[str, Any]:
    """Have Redis's own tool cut the log where it can no longer be read, and return what it said.

    It is given the manifest (an incr file itself it may take for one) and its yes by stdin.
    """
    manifest = Path(spec["data_dir"], spec["aof_dir"], f"{spec['aof_name']}.manifest")
    words = Programs.of(spec).check_aof(manifest, "--fix")
    done = subprocess.run(words, input=b"y\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return {"code": done.returncode, "said": done.stdout.decode("utf-8", "replace")[-2000:]}


def _size(logs: Logs) -> int:
    return sum(read.part.size for read in logs.files)


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    spec = json.loads(argv[0])
    try:
        found = {"inspect": inspect, "salvage": salvage, "mark": find_mark, "cut": cut}[spec["do"]](spec)
    except (OSError, LookupError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(found, sys.stdout, default=list)
    return 0
