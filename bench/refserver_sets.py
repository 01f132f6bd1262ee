"""Unified backups under load, each put back and held to its manifest; moments of the past, what they miss.

python bench/refserver_sets.py --sets 50 --moments 100
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent.backup import actions
from agent.systems import refserver
from agent.systems.refserver import Refserver
from tests.at_rest.conftest import Shelf
from tests.at_rest.library import Writers


def united(shelf: Shelf, count: int) -> dict[str, object]:
    """Take sets at random moments while three threads write; verify each by putting it back elsewhere."""
    dice, whole, paused, took = random.Random(5), 0, [], []
    with Writers(shelf.library) as writers:
        for number in range(count):
            time.sleep(dice.random())
            began = time.monotonic()
            backup = shelf.take("daily" if number % 10 == 0 else "hourly")
            took.append(time.monotonic() - began)
            told = json.loads(Path(backup.path).read_bytes())
            paused.append(told["paused"])
            same = len(set(backup.contents.values())) == 1
            whole += bool(backup.verified and not told["united"] and same)
        wrote = writers.wrote
    return {
        "sets": count,
        "restored and united": whole,
        "writes meanwhile": wrote,
        "held s, median": sorted(paused)[count // 2],
        "held s, most": max(paused),
        "take and verify s, median": round(sorted(took)[count // 2], 2),
    }


def moments(shelf: Shelf, count: int) -> dict[str, object]:
    """Ask for random moments of the hours covered; the loss is what lies between backup and moment."""
    known = shelf.do(actions.history(shelf.service))
    stamps = sorted(datetime.fromisoformat(each.taken_at).timestamp() for each in known)
    dice, gaps, restored = random.Random(6), [], 0
    for number in range(count):
        wanted = dice.uniform(stamps[0], stamps[-1])
        found = shelf.do(actions.latest_at(shelf.service, datetime.fromtimestamp(wanted, UTC).isoformat()))
        gaps.append(wanted - datetime.fromisoformat(found.taken_at).timestamp())
        if number % 10 == 0:
            shelf.now += 60
            done = shelf.do(refserver.restore(Refserver.of(shelf.service), found))
            restored += len(set(done.contents.values())) == 1
    return {
        "moments": count,
        "within one hour": sum(gap <= 3601 for gap in gaps),
        "largest gap s": round(max(gaps)),
        "put back": f"{restored} of {-(-count // 10)}",
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sets", type=int, default=50)
    parser.add_argument("--moments", type=int, default=100)
    command = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder))
        shelf.now -= 7 * 86400
        shelf.library.fill(100)
        print(json.dumps({**united(shelf, command.sets), **moments(shelf, command.moments)}, indent=1))


if __name__ == "__main__":
    main()
