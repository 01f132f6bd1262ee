"""A total loss of Redis at so many keys: the outage, beside what Redis itself needs to load them.

    python bench/redis_loss.py --keys 1000000 --json

It starts the chat stack's Redis host, loads it, has the agent take a backup, deletes every file of Redis, and
has the agent recover it by `redis_total_loss`. Redis's own load time is what its log says of the start.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis as client

from drills.rig.course import Settings
from drills.rig.fault import Scene, fault
from drills.rig.recovery import Agent
from drills.rig.stack import Stack, named
from drills.subjects.redis import RedisSubject
from drills.subjects.redis_night import redis_subject

BATCH = 5000


def load(subject: RedisSubject, keys: int) -> None:
    """Write so many keys of 50 bytes."""
    with subject.connect(60) as connection:
        for start in range(0, keys, BATCH):
            pipe = connection.pipeline(transaction=False)
            for number in range(start, min(keys, start + BATCH)):
                pipe.set(f"key:{number}", f"{number:050d}")
            pipe.execute()


class Outage(threading.Thread):
    """Looks for a known key again and again; `gone` and `back` are when it was missed and found again."""

    def __init__(self, subject: RedisSubject, key: str) -> None:
        super().__init__(daemon=True)
        self._subject, self._key = subject, key
        self.gone = self.back = 0.0
        self._over = threading.Event()

    def run(self) -> None:
        """Look every 10 ms."""
        while not self._over.wait(0.01):
            at = time.monotonic()
            try:
                with self._subject.connect() as connection:
                    held = connection.get(self._key) is not None
            except (client.RedisError, OSError):
                held = False
            if not held:
                self.gone, self.back = self.gone or at, 0.0
            elif self.gone and not self.back:
                self.back = at

    def end(self) -> float:
        """Stop looking and return the outage in seconds."""
        self._over.set()
        self.join()
        return self.back - self.gone


def timed(action: Callable[[], object]) -> float:
    """Return the seconds an action takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began


def measure(keys: int) -> dict[str, object]:
    """Live through one loss and return its figures."""
    with (
        tempfile.TemporaryDirectory() as place,
        Stack(named("chat"), Path(place) / "run", services=("redis1",)) as stack,
    ):
        agent = Agent(stack.inventory, Path(place))
        subject = redis_subject(stack, Settings())
        assert isinstance(subject, RedisSubject)
        loading = timed(lambda: load(subject, keys))
        backup = timed(lambda: _good(agent.do("backup", "take", "redis", within=600)))
        size = subject.connect().info("memory")["used_memory"]
        watch = Outage(subject, f"key:{keys // 2}")
        watch.start()
        scene = Scene(stack, stack.hosts["redis1"], "redis-server", "/var/lib/redis")
        fault("redis_files_lost").strike(scene)
        recovery = agent.recover("redis_total_loss", within=900)
        assert recovery.ended == "done", recovery.said
        held = subject.connect(60).dbsize()
        outage = watch.end()
        log = scene.host.read("/var/log/redis/redis-server.log").decode("utf-8", "replace")
        own = float(
            re.findall(r"DB loaded from (?:base file \S+|append only file): ([\d.]+) seconds", log)[-1]
        )
        steps = {
            told.event["step"]: told.event["elapsed"]
            for told in recovery.told
            if told.is_step(state="done") and told.event.get("elapsed", 0) >= 0.05
        }
    return {
        "keys": keys,
        "used_mb": round(size / 1e6, 1),
        "loading_s": round(loading, 1),
        "backup_and_its_verification_s": round(backup, 2),
        "rto_s": round(outage, 2),
        "redis_own_load_s": own,
        "times_its_own_load": round(outage / max(own, 0.001), 1),
        "keys_back": held,
        "steps_s": {name: round(took, 2) for name, took in steps.items()},
    }


def _good(said: object) -> None:
    assert getattr(said, "rc", 1) == 0, said


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="as JSON")
    wanted = parser.parse_args()
    found = measure(wanted.keys)
    if wanted.json:
        print(json.dumps(found))
    else:
        print(*(f"{name:<32} {value}" for name, value in found.items()), sep="\n")


if __name__ == "__main__":
    main()
