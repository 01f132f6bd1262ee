"""A Redis as its users see it: written to in four ways, probed, and read back whole."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from drills.rig.subject import Intent, NotAcknowledged, Observed, ProbeFailed, content_hash

PROBE_KEY = "drill:probe"
# The agent's backups leave this mark in the database, and say so.
MARK_KEY = "drillyard:mark"
TIMEOUT = 0.5  # seconds a write or a look waits at most for each answer
BULK_TIMEOUT = 30.0
BATCH = 1000
LIST_LENGTH = 200  # pushes before the next list is begun
REGISTERS = 50  # keys that are written again and again
WRONG = ("of the wrong type",)


@dataclass(frozen=True)
class RedisSubject:
    """A Redis at `host`:`port`. Write number n is always the same for the same `seed` and `preload`.

    The first `preload` numbers are loaded in bulk before the strike: the first half goes into the base
    file of the append-only log, the rest stays in its incremental file. Writes after them are drawn from:
    a new key, an element pushed to a list (done twice, it shows), two keys in one MULTI (done by halves, it
    shows), and a key that is overwritten again and again.
    """

    host: str
    port: int
    password: str
    seed: int = 1
    preload_count: int = 20_000
    value_bytes: int = 100
    name: str = "redis"

    def __repr__(self) -> str:
        return f"RedisSubject({self.host}:{self.port}, seed={self.seed})"

    def plan(self, seq: int) -> Intent:
        """Return the write of that number."""
        value = self.value(seq)
        if seq < self.preload_count:
            return (
                self._push(seq, value) if _pushed(seq) else Intent(f"new:{seq}", "set", content_hash(value))
            )
        number = int.from_bytes(hashlib.blake2b(value, digest_size=4).digest(), "big")
        draw, register = number % 100, number // 100 % REGISTERS
        if draw < 55:
            return Intent(f"new:{seq}", "set", content_hash(value))
        if draw < 70:
            return self._push(seq, value)
        if draw < 85:
            return Intent(f"pair:{seq}", "multi", content_hash(value + b"a", value + b"b"))
        return Intent(f"again:{register}", "overwrite", content_hash(value))

    def value(self, seq: int) -> bytes:
        """Return the content of write number `seq`; it begins with the number, for whoever looks at it."""
        filling = hashlib.shake_128(f"{self.seed}:{seq}".encode()).hexdigest(self.value_bytes // 2)
        return f"{seq:09d}:{filling}".encode()[: self.value_bytes]

    def hand(self) -> RedisHand:
        """Return a new client with a connection of its own."""
        return RedisHand(self)

    def connect(self, timeout: float = TIMEOUT) -> redis.Redis:
        """Return a client that never repeats a command by itself: a repeated write would be our own doing."""
        return redis.Redis(
            host=self.host,
            port=self.port,
            password=self.password,
            socket_timeout=timeout,
            socket_connect_timeout=min(timeout, TIMEOUT),
            retry=Retry(NoBackoff(), 0),
            retry_on_error=[],
            protocol=2,
            driver_info=None,
        )

    def preload(self, first: int, count: int) -> Iterator[tuple[list[int], list[Intent], float]]:
        """Load `count` writes in batches, with a rewrite of the log half-way."""
        client = self.connect(BULK_TIMEOUT)
        try:
            step = max(1, min(BATCH, count // 2))
            for start in range(first, first + count, step):
                if start - step < first + count // 2 <= start:
                    _rewrite(client)
                seqs = list(range(start, min(start + step, first + count)))
                intents = [self.plan(seq) for seq in seqs]
                sent = monotonic()
                pipe = client.pipeline(transaction=False)
                for seq, intent in zip(seqs, intents, strict=True):
                    _queue(pipe, intent, self.value(seq))
                pipe.execute()
                yield seqs, intents, sent
        finally:
            client.close()

    def read_back(self) -> Observed:
        """Read every key there is."""
        client = self.connect(BULK_TIMEOUT)
        try:
            names = [key.decode("utf-8", "replace") for key in client.scan_iter(count=BATCH * 5)]
            names = sorted(set(names) - {PROBE_KEY, MARK_KEY})
            held = dict(_contents(client, names))
        except (redis.RedisError, OSError) as error:
            raise ProbeFailed(f"It could not be read back: {_said(error)}") from None
        finally:
            client.close()
        size = sum(len(name) + sum(map(len, parts)) for name, parts in held.items())
        return Observed(_logical(held), len(names), size)

    def versions(self) -> dict[str, str]:
        """Return the server's version and the client's."""
        client = self.connect()
        try:
            return {"redis": str(client.info("server")["redis_version"]), "redis-py": redis.__version__}
        finally:
            client.close()

    def _push(self, seq: int, value: bytes) -> Intent:
        return Intent(f"list:{seq // (LIST_LENGTH * 8)}", "push", content_hash(value), adds=True)


class RedisHand:
    """One connection to a Redis; after an error the next command makes a new one."""

    def __init__(self, subject: RedisSubject) -> None:
        """Speak to `subject`, from the first command on."""
        self._subject = subject
        self._client = subject.connect()

    def write(self, seq: int, intent: Intent) -> None:
        """Carry out the write of that number."""
        value = self._subject.value(seq)
        try:
            pipe = self._client.pipeline(transaction=intent.kind == "multi")
            _queue(pipe, intent, value)
            answers = pipe.execute()
        except (redis.RedisError, OSError) as error:
            raise NotAcknowledged(_said(error)) from None
        if not all(answers):
            raise NotAcknowledged(f"answered {answers!r}")

    def probe(self, n: int) -> None:
        """Read a preloaded key, another one each time, and read back what was just written."""
        seq = n * 7919 % max(1, self._subject.preload_count)
        seq += 1 if _pushed(seq) else 0
        token = f"{n}:{monotonic()}".encode()
        try:
            known = self._client.get(f"new:{seq}")
            if known != self._subject.value(seq):
                raise ProbeFailed(f"new:{seq} holds {'nothing' if known is None else 'another value'}")
            self._client.set(PROBE_KEY, token)
            if self._client.get(PROBE_KEY) != token:
                raise ProbeFailed("what was just written was not read back")
        except (redis.RedisError, OSError) as error:
            raise ProbeFailed(_said(error)) from None

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def _pushed(seq: int) -> bool:
    return seq % 10 == 5


def _queue(pipe: Any, intent: Intent, value: bytes) -> None:
    if intent.kind == "push":
        pipe.rpush(intent.key, value)
    elif intent.kind == "multi":
        pipe.set(f"{intent.key}:a", value + b"a")
        pipe.set(f"{intent.key}:b", value + b"b")
    else:
        pipe.set(intent.key, value)


def _rewrite(client: redis.Redis) -> None:
    client.bgrewriteaof()
    pause = Event()
    while (state := client.info("persistence"))["aof_rewrite_in_progress"] or state["aof_rewrite_scheduled"]:
        pause.wait(0.02)


def _contents(client: redis.Redis, names: list[str]) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        pipe = client.pipeline(transaction=False)
        for name in batch:
            if name.startswith("list:"):
                pipe.lrange(name, 0, -1)
            else:
                pipe.get(name)
        for name, answer in zip(batch, pipe.execute(raise_on_error=False), strict=True):
            if isinstance(answer, redis.ResponseError) and not str(answer).startswith("WRONGTYPE"):
                raise answer
            yield name, _parts(answer)


def _parts(answer: object) -> tuple[bytes, ...]:
    if isinstance(answer, bytes):
        return (answer,)
    if isinstance(answer, list):
        return tuple(answer)
    return tuple(text.encode() for text in WRONG)


def _logical(held: Mapping[str, tuple[bytes, ...]]) -> dict[str, tuple[str, ...]]:
    contents: dict[str, tuple[str, ...]] = {}
    for name, parts in held.items():
        pair, half = name[:-2], name[-2:]
        if name.startswith("pair:") and half in (":a", ":b"):
            both = [held.get(f"{pair}{each}") for each in (":a", ":b")]
            contents[pair] = _pair(both)
        else:
            contents[name] = tuple(content_hash(part) for part in parts)
    return contents


def _pair(both: Iterable[tuple[bytes, ...] | None]) -> tuple[str, ...]:
    halves = [part[0] for part in both if part is not None]
    return (content_hash(*halves),) if len(halves) == 2 else ("half of it",)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:160]


__all__ = ["PROBE_KEY", "RedisHand", "RedisSubject"]
