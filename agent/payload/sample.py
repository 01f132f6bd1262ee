"""Which keys fill a running Redis: a sample of them by what their names begin with, their size and expiry.

python3 -I - '{"cli": ["redis-cli"], "most": 20000, "sized": 400}'
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from agent.payload.kept_cli import CliFailed, KeptCli, databases, number, scanned

_SHOWN = 12
_STEP = 500


def sample(spec: dict[str, Any]) -> dict[str, Any]:
    """Return groups of keys by database and the beginning of their names (up to the first colon), the largest
    first.

    At most `most` keys are looked at, of which `sized` are asked for their size and expiry, of each database
    its share; a scan goes through the keys in an order of its own, so that its first part is a fair sample.

    Raises:
        CliFailed: the server refused, or went away.
    """
    most, sized = int(spec.get("most", 20_000)), int(spec.get("sized", 400))
    with KeptCli(spec["cli"]) as cli:
        counts = databases(cli)
        total = sum(counts.values())
        groups: list[dict[str, Any]] = []
        looked = 0
        for db, keys in counts.items():
            cli.ask(b"SELECT %d" % db)
            some = _some(cli, -(-most * keys // total))
            looked += len(some)
            groups += _groups(cli, db, keys, some, -(-sized * keys // total))
    groups.sort(key=lambda each: -int(each["keys"]))
    return {"keys": total, "looked_at": looked, "groups": groups[:_SHOWN]}


def _groups(cli: KeptCli, db: int, total: int, keys: list[bytes], sized: int) -> list[dict[str, Any]]:
    counts = Counter(_group(key) for key in keys)
    sizes: dict[bytes, list[int]] = {}
    expiring: Counter[bytes] = Counter()
    asked: Counter[bytes] = Counter()
    for key in keys[:: max(1, len(keys) // sized)]:
        group = _group(key)
        asked[group] += 1
        expiring[group] += number(cli.try_ask(b"TTL " + key)) >= 0
        size = number(cli.try_ask(b"MEMORY USAGE " + key))
        if size > 0:
            sizes.setdefault(group, []).append(size)
    return [
        {
            "prefix": group.decode("utf-8", "replace"),
            "keys": count * total // max(1, len(keys)),
            "expiring": round(expiring[group] / asked[group], 3) if asked[group] else 0.0,
            "bytes_each": sum(sizes.get(group, [])) // max(1, len(sizes.get(group, []))),
            "db": db,
        }
        for group, count in counts.most_common(_SHOWN)
    ]


def _some(cli: KeptCli, most: int) -> list[bytes]:
    found: list[bytes] = []
    cursor = b"0"
    while len(found) < most:
        cursor, keys = scanned(cli.ask(b"SCAN %s COUNT %d" % (cursor, _STEP)))
        found += keys
        if cursor == b"0":
            break
    return found


def _group(key: bytes) -> bytes:
    """Return what a quoted key begins with, its colon included; empty where it has none."""
    name, colon, _ = key.strip(b'"').partition(b":")
    return name + colon if colon else b""


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    try:
        found = sample(json.loads(argv[0]))
    except (OSError, CliFailed) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    json.dump(found, sys.stdout)
    return 0
