"""A copy of a running Redis database: a snapshot, or its log, up to a mark that both hold at that instant."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.errors import NoRoom, StepFailed
from agent.payload.logs import mark_command
from agent.systems.redis.look import Copy
from agent.systems.redis.repair import RESERVE
from agent.systems.redis.server import Redis, ask, info, payload, read
from agent.transport.ask import Action, Done, Note, Sh, Until

_TRIES = 5


@dataclass(frozen=True)
class Dumped:
    """A copy that was made: the mark it carries, and the server's keys at about that time.

    `before` is the newest mark it held until then (None = it cannot tell), `usual` are miss_rate and
    ops_per_second as its own counters had them.
    """

    path: str
    mark: str
    contents: dict[str, int]
    tools: dict[str, str]
    before: str | None = ""
    usual: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Checked:
    """What a check found: `sound` or not, how deep it went, and a sentence."""

    sound: bool
    depth: str
    detail: str
    contents: dict[str, int]


def dump(redis: Redis, into: str, name: str, kind: str) -> Action[Dumped]:
    """Copy the running database to the file `into` without stopping it; its mark is made of `name`'s digits.

    Raises:
        NoRoom: the data directory could not hold a snapshot.
        StepFailed: nothing came about that is certain to be what it should.
    """
    before = yield from mark_of(redis)
    usual = yield from _usual(redis)
    if kind == "aof":
        mark = yield from _log(redis, into, name)
    else:
        mark = yield from _marked_snapshot(redis, into, name)
    server = yield from info(redis, "server")
    space = yield from info(redis, "keyspace")
    contents = {db: int(what.split(",")[0].split("=")[1]) for db, what in space.items()}
    return Dumped(into, mark, contents, {"redis": server["redis_version"]}, before, usual)


def mark_of(redis: Redis) -> Action[str | None]:
    """Return the newest mark that the data holds; None where Redis itself may have thrown it away."""
    held = (yield from ask(redis, "GET", "drillyard:mark")).text
    policy = (yield from info(redis, "memory")).get("maxmemory_policy", "")
    return None if not held and policy.startswith("allkeys") else held


def _usual(redis: Redis) -> Action[dict[str, float]]:
    stats = yield from info(redis, "stats")
    hits, misses = int(stats["keyspace_hits"]), int(stats["keyspace_misses"])
    found = {"ops_per_second": float(stats["instantaneous_ops_per_sec"])}
    return found | ({"miss_rate": round(misses / (hits + misses), 4)} if hits + misses else {})


def _marked_snapshot(redis: Redis, into: str, name: str) -> Action[str]:
    """Copy a snapshot of our own, and return its mark.

    Sent in one piece, so that the server carries them out one behind the other: SET drillyard:mark MARK,
    BGSAVE, SET drillyard:mark MARK+. A snapshot that holds MARK was forked between the two; a log in which
    they are neighbours had nothing else at that instant. So snapshot + log behind MARK is exact, INCR and
    RPUSH included. (A BGSAVE inside of MULTI will not do: Redis only schedules it, up to 100 ms later.)
    """
    yield from _room(redis)
    for attempt in range(1, _TRIES + 1):
        # Not longer than 20 bytes, so that it stands readable in an RDB; a later one sorts behind.
        mark = f"{_digits(name)}/{attempt}"
        if (yield from _snapshot(redis, mark)) and (yield from _exact(redis, mark)):
            yield Sh(
                *("cp", "--reflink=auto", f"{redis.data_dir}/{redis.rdb_name}", into),
                sudo=True,
                changes=f"copies the snapshot to {into}",
                again="safe",
                timeout=1800,
                supposing=Done(0),
            )
            return mark
        yield Note("another snapshot was running; trying again")
    raise StepFailed(
        f"{redis.host}: expected a snapshot of our own in {_TRIES} tries, found others each time.",
        do="See who calls BGSAVE or BGREWRITEAOF so often, and run again.",
    )


def _log(redis: Redis, into: str, name: str) -> Action[str]:
    """Copy the append-only file up to a mark of our own, and return it."""
    why = ""
    for attempt in range(1, _TRIES + 1):
        # A letter of its own: in the same second a snapshot's mark is another one.
        mark = f"{_digits(name)}/a{attempt}"
        spec = {
            "cli": redis.cli_words,
            "mark": mark,
            "into": into,
            "work": f"{redis.data_dir}/drillyard-log-copy",
        }
        try:
            yield from payload(
                redis,
                "log_copy",
                spec,
                secrets=redis.secrets,
                changes=f"holds rewrites off for a moment and copies the log to {into}",
                again="safe",
                timeout=1800,
                supposing=Done(0, b"{}"),
            )
        except StepFailed as error:
            if "rewritten meanwhile" not in error.sentence:
                raise
            why = error.sentence
            yield Note("the log was being rewritten; trying again")
            continue
        return mark
    raise StepFailed(
        f"{redis.host}: expected the log to hold still once in {_TRIES} tries, found: {why}",
        do="See who calls BGREWRITEAOF so often, and run again.",
    )


def _digits(name: str) -> str:
    return "".join(filter(str.isdigit, name))[:14]


def needs(redis: Redis, kind: str = "full") -> Action[int]:
    """Return how many bytes a copy may have: the log's size, or what the data takes in memory."""
    if kind == "aof":
        # What is written while it is copied comes on top.
        done: Done = yield Sh("du", "-sbD", redis.files, sudo=True)
        return int(done.text.split()[0]) * 5 // 4
    memory = yield from info(redis, "memory")
    return int(memory["used_memory_dataset"])


def _room(redis: Redis) -> Action[None]:
    needed = (yield from needs(redis)) + RESERVE
    done: Done = yield Sh("df", "-B1", "--output=avail", redis.data_dir, sudo=True)
    free = int(done.text.split()[-1])
    if free < needed:
        # A snapshot that fails for want of room makes Redis refuse writes: it is not even begun.
        raise NoRoom(
            f"{redis.host}: expected {needed >> 20} MiB free in {redis.data_dir} for a snapshot, "
            f"found {free >> 20} MiB; nothing was touched.",
            do="Free some space on that volume, or grow it, and run again.",
        )


def _snapshot(redis: Redis, mark: str) -> Action[bool]:
    """Begin a snapshot that carries `mark` and wait for its end; false where another one is in the way."""
    yield Until(
        redis.cli("INFO", "persistence"),
        lambda done: _idle(read(redis, done).fields()),
        "no other snapshot or rewrite is running",
        within=600,
        supposing=Done(0),
    )
    done: Done = yield redis.cli(
        "--pipe",
        lines=(mark_command(mark) + b"*1\r\n$6\r\nBGSAVE\r\n" + mark_command(f"{mark}+")).decode(),
        changes=f"takes a snapshot marked {mark}",
        again="safe",
        supposing=Done(0, b"errors: 0, replies: 3"),
    )
    said = f"{read(redis, done).text} {done.err.decode('utf-8', 'replace')}"
    if "READONLY" in said:
        raise StepFailed(
            f"{redis.host}: expected a server that takes writes, found a replica, which cannot carry a mark.",
            do="Take the backup on its master.",
        )
    if "errors: 0, replies: 3" not in said:
        return False
    ended: Done = yield Until(
        redis.cli("INFO", "persistence"),
        lambda done: read(redis, done).fields().get("rdb_bgsave_in_progress") == "0",
        "the snapshot is written",
        within=3600,
        supposing=Done(0),
    )
    if read(redis, ended).fields().get("rdb_last_bgsave_status", "ok") != "ok":
        raise StepFailed(
            f"{redis.host}: expected Redis to write a snapshot, found that it could not.",
            do="Look at its log; most often the disk is full. Redis may refuse writes until one succeeds.",
        )
    return True


def _exact(redis: Redis, mark: str) -> Action[bool]:
    """Return whether the log holds both halves of the mark as neighbours; true where there is no log."""
    state = yield from info(redis, "persistence")
    if state["aof_enabled"] != "1":
        return True
    found = yield from payload(redis, "aof", {"do": "mark", "mark": mark}, timeout=600)
    return bool(found["exact"])


def _idle(state: dict[str, str]) -> bool:
    busy = ("rdb_bgsave_in_progress", "aof_rewrite_in_progress", "aof_rewrite_scheduled")
    return all(state.get(name) == "0" for name in busy)


def check_dump(redis: Redis, copy: Copy, depth: str) -> Action[Checked]:
    """Check a copy: `opens` (its own checker) or `restored` (loaded and counted)."""
    spec = {
        "path": copy.path,
        "kind": copy.kind,
        "work": f"{redis.data_dir}/drillyard-check",
        "depth": depth,
        "timeout": 1500,
    }
    found = yield from payload(
        redis,
        "check",
        spec,
        changes="" if depth == "opens" else "loads the copy into a throwaway server",
        again="safe",
        timeout=1600,
    )
    counts = {f"db{db}": keys for db, keys in found.get("databases", {}).items()} or {"keys": found["keys"]}
    if found["state"] != "sound":
        return Checked(False, depth, found["detail"], counts)
    if depth == "restored" and copy.mark and found["mark"] != copy.mark:
        return Checked(
            False, depth, f"it carries the mark {found['mark'] or '(none)'} instead of {copy.mark}", counts
        )
    words = "opens and its checksum is right" if depth == "opens" else "was loaded and counted"
    said = f": {found['keys']} keys" if depth == "restored" or copy.kind == "full" else ""
    return Checked(True, depth, f"{words}{said}", counts)
