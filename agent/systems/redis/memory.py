"""How full a Redis is, what its host can still give it, which keys fill it, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import msgspec

from agent.systems.redis.server import Redis, info, payload
from agent.transport.ask import Action, Done, Note

SHARE = 0.75
"""Of the host's memory, and of what is free of it, Redis may have this share: a snapshot's copies of changed
pages, fragmentation and everybody else need the rest."""
_MORE = 1.25  # how much more memory is proposed, where there is that much
_WORTH = 1.02  # less than this is no relief
_MIB = 1 << 20

# Limits of control groups count from the process's own up to the root of what can be seen from here. Not
# by awk: mawk writes what is large as 2,52765e+10 where the host's numbers have commas.
_HOST = """\
# memory of the host, and the tightest limit of a control group
set -eu
while read -r name size _; do
  case $name in MemTotal:|MemAvailable:) echo $((size * 1024));; esac
done </proc/meminfo
root=/sys/fs/cgroup max=memory.max now=memory.current
path=$(sed -n 's/^0:://p' "/proc/$1/cgroup")
if [ ! -e "$root/cgroup.controllers" ]; then
  root=/sys/fs/cgroup/memory max=memory.limit_in_bytes now=memory.usage_in_bytes
  path=$(sed -n 's/^[0-9]*:memory://p' "/proc/$1/cgroup")
fi
while :; do
  if [ -r "$root$path/$max" ]; then
    limit=$(cat "$root$path/$max")
    [ "$limit" = max ] || echo "$limit $(cat "$root$path/$now")"
  fi
  case $path in ''|/) break;; esac
  path=${path%/*}
done
"""


@dataclass(frozen=True)
class Group:
    """Keys of a database whose names begin alike: about how many, how many bytes each takes, and which share
    expires."""

    prefix: str
    keys: int
    bytes_each: int
    expiring: float
    db: int = 0

    @property
    def name(self) -> str:
        """What they are called in a sentence."""
        return f"{self.prefix}*" + (f" of database {self.db}" if self.db else "")


@dataclass(frozen=True)
class Host:
    """Bytes of memory where Redis runs: all of it, and what is free, limits of control groups counted in."""

    total: int
    free: int


@dataclass(frozen=True)
class Memory:
    """Bytes used, resident and allowed (`maxmemory`, 0 = no limit); what the host has; which keys fill it.

    `full` says that writes are refused or keys thrown out. `ceiling` is the highest maxmemory that the host
    can bear, `proposal` the one to be set (0 = there is no room to raise it). `groups` are the largest first.
    """

    used: int
    resident: int
    maxmemory: int
    policy: str
    full: bool
    evicted: int
    host: Host
    ceiling: int
    proposal: int
    keys: int
    groups: tuple[Group, ...]
    advice: tuple[str, ...]


def measure(redis: Redis) -> Action[Memory]:
    """Measure memory of server and host, take a sample of the keys, and advise; nothing is changed."""
    said = yield from info(redis, "memory")
    stats = yield from info(redis, "stats")
    host = yield from host_of(redis)
    spec = {"cli": redis.cli_words, "most": 20_000, "sized": 300}
    sample = yield from payload(redis, "sample", spec, secrets=redis.secrets, timeout=120)
    used, limit = int(said["used_memory"]), int(said["maxmemory"])
    top = ceiling(used, host)
    found = Memory(
        used=used,
        resident=int(said["used_memory_rss"]),
        maxmemory=limit,
        policy=said["maxmemory_policy"],
        full=0 < limit <= used * 1.01,
        evicted=int(stats["evicted_keys"]),
        host=host,
        ceiling=top,
        proposal=propose(used, limit, top),
        keys=sample["keys"],
        groups=tuple(msgspec.convert(each, Group) for each in sample["groups"]),
        advice=(),
    )
    found = replace(found, advice=tuple(advise(found)))
    yield Note(f"{_said(found)}. {' '.join(found.advice)}")
    return found


def host_of(redis: Redis) -> Action[Host]:
    """Return the memory that the server's host has, or its container."""
    pid = (yield from info(redis, "server"))["process_id"]
    done: Done = yield redis.beside(_HOST, pid)
    total, free, *limits = done.text.splitlines()
    all_of_it, left = int(total), int(free)
    for line in limits:
        most, now = (int(word) for word in line.split())
        all_of_it, left = min(all_of_it, most), min(left, max(0, most - now))
    return Host(all_of_it, left)


def ceiling(used: int, host: Host) -> int:
    """Return the highest maxmemory in bytes that a host can bear, whole mebibytes; pure."""
    return int(min(SHARE * host.total, used + SHARE * host.free)) // _MIB * _MIB


def propose(used: int, limit: int, top: int) -> int:
    """Return the maxmemory to set in bytes, within what the host has; 0 where that would be no relief."""
    if not limit:
        return 0
    wanted = min(-(-int(max(used, limit) * _MORE) // _MIB) * _MIB, top)
    return wanted if wanted >= max(used, limit) * _WORTH else 0


def advise(memory: Memory) -> Iterator[str]:
    """Yield what to do in the long run, sentence by sentence; pure."""
    passing = [each for each in memory.groups if each.prefix.startswith(("temp:", "tmp:", "cache:"))]
    for each in passing:
        if each.expiring < 0.9:
            size = each.keys * each.bytes_each
            yield (
                f"{each.name} is about {each.keys:,} keys ({_mib(size)}), of which {each.expiring:.0%} "
                "expire: have whoever writes them say EX."
            )
    yield from _of_policy(memory)
    if memory.resident > 2 * memory.used and memory.resident > 256 * _MIB:
        yield "Much more is resident than used: activedefrag yes gives it back without a restart."
    if not memory.maxmemory:
        yield f"There is no maxmemory: set one of at most {_mib(memory.ceiling)}, or the kernel will."


def _of_policy(memory: Memory) -> Iterator[str]:
    lasting = sum(each.keys * (1 - each.expiring) for each in memory.groups)
    known = sum(each.keys for each in memory.groups)
    if not known:
        # Nothing was seen: what fills it are no keys, and nothing is known of any.
        return
    if memory.policy == "noeviction" and lasting < 0.1 * known:
        yield "Nearly all keys expire: maxmemory-policy volatile-ttl would make room instead of refusing."
    elif memory.policy.startswith("allkeys") and lasting > 0.1 * known:
        yield (
            f"{memory.policy} throws out keys that do not expire too, and {lasting / known:.0%} of these do "
            "not: volatile-lru keeps them."
        )
    elif memory.policy == "noeviction":
        yield (
            f"Leave maxmemory-policy noeviction: {lasting / known:.0%} of the keys do not expire, and "
            "allkeys-lru would throw them out at once."
        )


def _said(memory: Memory) -> str:
    limit = f"of {_mib(memory.maxmemory)} ({memory.policy})" if memory.maxmemory else "without a limit"
    most = f"maxmemory may be {_mib(memory.ceiling)} at most"
    room = f"the host has {_mib(memory.host.free)} free of {_mib(memory.host.total)}: {most}"
    return f"{_mib(memory.used)} used {limit}; {room}"


def _mib(size: int) -> str:
    return f"{size / _MIB:,.0f} MiB"
