"""What other clients of Redis wait while temporary keys are deleted, beside what they waited before.

    python bench/redis_memory.py --temp 1000000 --json

It starts the chat stack's Redis host, loads it, fills it with temporary keys to its maxmemory, and has the
agent recover it. Beside that a client of its own reads and writes `--rate` times a second and takes times.
With `--by-hand` it is the playbook's `redis-cli --scan --pattern 'temp:*' | xargs redis-cli DEL` instead.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis as client

from bench.redis_loss import load
from drills.rig.course import Settings
from drills.rig.recovery import Agent
from drills.rig.stack import Stack, StackHost, named
from drills.subjects.redis import RedisSubject
from drills.subjects.redis_night import redis_subject

USERS = 100_000
_FILL = """\
export REDISCLI_AUTH="$(sed -n 's/^requirepass //p' /etc/redis/password.conf)"
awk -v n="$1" 'BEGIN { for (i = 0; i < n; i++) printf "SET temp:%d %050d\\r\\n", i, i }' \
  | redis-cli --pipe >/dev/null
limit=$(redis-cli INFO memory | tr -d '\\r' | sed -n 's/^used_memory://p')
redis-cli CONFIG SET maxmemory "$limit" >/dev/null
"""
_BY_HAND = """\
export REDISCLI_AUTH="$(sed -n 's/^requirepass //p' /etc/redis/password.conf)"
redis-cli --scan --pattern 'temp:*' | xargs redis-cli DEL >/dev/null
"""


class Other(threading.Thread):
    """A client that reads, and writes where it may, `rate` times a second; each with its moment."""

    def __init__(self, subject: RedisSubject, rate: float) -> None:
        super().__init__(daemon=True)
        self._connection = subject.connect(30)
        self._every = 1 / rate
        self._over = threading.Event()
        self.taken: list[tuple[float, float]] = []

    def run(self) -> None:
        """Read and write until stopped; a write that is refused has been answered too."""
        number, due = 0, time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            due = max(due + self._every, began)
            try:
                if number % 2:
                    self._connection.set(f"other:{number % 100}", number)
                else:
                    self._connection.get(f"key:{number * 7919 % USERS}")
            except client.ResponseError:
                pass
            self.taken.append((began, time.monotonic() - began))
            number += 1

    def between(self, first: float, last: float) -> dict[str, float]:
        """Return median, p99 and the longest in milliseconds of what began between two moments."""
        took = sorted(each for at, each in self.taken if first <= at <= last)
        places = {"p50": len(took) // 2, "p99": len(took) * 99 // 100, "max": len(took) - 1}
        found = {name: round(took[min(at, len(took) - 1)] * 1000, 2) for name, at in places.items()}
        return {**found, "answers": len(took)}

    def end(self) -> None:
        """Stop."""
        self._over.set()
        self.join()


def measure(temp: int, rate: float, *, by_hand: bool) -> dict[str, object]:
    """Fill, delete beside the other client, and return its waiting."""
    with (
        tempfile.TemporaryDirectory() as place,
        Stack(named("chat"), Path(place) / "run", services=("redis1",)) as stack,
    ):
        host = stack.hosts["redis1"]
        subject = redis_subject(stack, Settings())
        assert isinstance(subject, RedisSubject)
        load(subject, USERS)
        host.exec("sh", "-c", _FILL, "sh", str(temp))
        other = Other(subject, rate)
        began = time.monotonic()
        other.start()
        # A while of nothing but the other client, to hold the rest against.
        threading.Event().wait(10)
        calm = time.monotonic()
        first, last = _by_hand(host) if by_hand else _by_page(Agent(stack.inventory, Path(place)))
        other.end()
        left = sum(1 for _ in subject.connect(30).scan_iter("temp:*", count=5000))
        return {
            "how": "by hand, as the playbook says" if by_hand else "redis_memory",
            "temp_keys": temp,
            "left": left,
            "others_kept": all(subject.connect(30).exists(f"key:{n}") for n in range(0, USERS, 997)),
            "deleting_s": round(last - first, 1),
            "others_before_ms": other.between(began, calm),
            "others_meanwhile_ms": other.between(first, last),
        }


def _by_page(agent: Agent) -> tuple[float, float]:
    recovery = agent.recover("redis_memory", within=900)
    assert recovery.ended == "done", recovery.said
    steps = [told.at for told in recovery.told if told.is_step("sweep")]
    return steps[0], steps[-1]


def _by_hand(host: StackHost) -> tuple[float, float]:
    began = time.monotonic()
    host.exec("sh", "-c", _BY_HAND, ok=())
    return began, time.monotonic()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--temp", type=int, default=1_000_000)
    parser.add_argument("--rate", type=float, default=500)
    parser.add_argument("--by-hand", action="store_true", help="as the playbook says")
    parser.add_argument("--json", action="store_true", help="as JSON")
    wanted = parser.parse_args()
    found = measure(wanted.temp, wanted.rate, by_hand=wanted.by_hand)
    if wanted.json:
        print(json.dumps(found))
    else:
        print(*(f"{name:<22} {value}" for name, value in found.items()), sep="\n")


if __name__ == "__main__":
    main()
