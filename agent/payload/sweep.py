"""Delete the keys of a pattern from a running Redis in small steps, so that nobody else has to wait.

python3 -I - '{"cli": ["redis-cli"], "pattern": "temp:*", "step": 200, "share": 0.5, "within": 240}'
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from typing import Any

from agent.payload.kept_cli import CliFailed, KeptCli, databases, number, quoted, scanned
from agent.payload.waits import Waits

_LOOKS = 20


@dataclass
class _Done:
    removed: int = 0
    steps: int = 0
    slowest: float = 0.0
    finished: bool = False


def sweep(spec: dict[str, Any]) -> dict[str, Any]:
    """Delete and return what was done.

    A step is one SCAN of `step` places and one UNLINK of what it found: the server is never busy longer than
    one of the two takes. Between two steps we pause, so that we ask of the server no more than `share` of the
    time. `within` seconds and `most` keys (0 = any number) bound it; `finished` says that it came to the end.
    The `others_` figures are what a client beside us waited for a PING, median and p99 in milliseconds.
    `elsewhere` are other databases than `db` in which such keys were seen; nothing is deleted there.

    Raises:
        CliFailed: the server refused, or went away.
    """
    began = time.monotonic()
    db = int(spec.get("db", 0))
    with KeptCli(spec["cli"], db) as cli, Waits(spec["cli"]) as others:
        before = others.baseline()
        done = _Done()
        _go(cli, spec, done)
        during = others.figures()
        elsewhere = [each for each in databases(cli) if each != db and _seen(cli, each, spec["pattern"])]
    return {
        "removed": done.removed,
        "steps": done.steps,
        "finished": done.finished,
        "seconds": round(time.monotonic() - began, 3),
        "slowest_ms": round(done.slowest * 1000, 2),
        "others_before_ms": before,
        "others_during_ms": during,
        "elsewhere": elsewhere,
    }


def _seen(cli: KeptCli, db: int, pattern: str) -> bool:
    """Return whether such keys are among the first that a scan of a database meets."""
    cli.ask(b"SELECT %d" % db)
    cursor = b"0"
    for _ in range(_LOOKS):
        cursor, keys = scanned(cli.ask(b"SCAN %s MATCH %s COUNT 500" % (cursor, quoted(pattern.encode()))))
        if keys:
            return True
        if cursor == b"0":
            break
    return False


def _go(cli: KeptCli, spec: dict[str, Any], done: _Done) -> None:
    pattern = quoted(spec["pattern"].encode())
    share = min(1.0, max(0.05, float(spec.get("share", 0.5))))
    end = time.monotonic() + float(spec.get("within", 240))
    most = int(spec.get("most", 0)) or sys.maxsize
    cursor = b"0"
    while not done.finished and done.removed < most and time.monotonic() < end:
        at = time.monotonic()
        command = b"SCAN %s MATCH %s COUNT %d" % (cursor, pattern, int(spec.get("step", 200)))
        cursor, keys = scanned(cli.ask(command))
        if keys:
            done.removed += number(cli.ask(b"UNLINK " + b" ".join(keys[: most - done.removed])))
        took = time.monotonic() - at
        done.steps, done.slowest, done.finished = done.steps + 1, max(done.slowest, took), cursor == b"0"
        if share < 1.0:
            # The pause is the point: it is the others' time.
            time.sleep(took * (1 / share - 1))


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    try:
        found = sweep(json.loads(argv[0]))
    except (OSError, CliFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(found, sys.stdout)
    return 0
