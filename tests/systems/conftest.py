"""Fixtures: a redis-server of one's own, and a data directory worth damaging."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.systems import redis
from agent.systems.redis.look import Copy
from tests.systems.server import Here, redis_here


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    """A redis-server, not yet started."""
    with redis_here(tmp_path) as server:
        yield server


@dataclass(frozen=True)
class Gold:
    """A data directory as a killed server left it, the backup taken midway, and everything it held.

    A base of 1000 keys, then a log of some 3000 commands (SET, RPUSH, INCR, transactions, DEL, expiry), the
    backup's mark in its middle.
    """

    data: Path
    copy: Copy
    state: str
    keys: int


@pytest.fixture(scope="session")
def gold(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gold]:
    """The one data directory that every kind of damage begins with."""
    folder = tmp_path_factory.mktemp("gold")
    with redis_here(folder) as server:
        server.start()
        client = server.client
        with client.pipeline(transaction=False) as pipe:
            for number in range(1000):
                pipe.set(f"base:{number}", f"value of {number} " * 2)
            pipe.execute()
        server.do(redis.rescue_live(server.system))
        write(server, 0, 800)
        (folder / "backup").mkdir()
        path = str(folder / "backup" / "one.rdb")
        dumped = server.do(redis.dump(server.system, path, "redis_20261122_030000_full"))
        write(server, 800, 1600)
        state, keys = server.state(), client.dbsize()
        server.kill()
        data = folder / "kept"
        shutil.copytree(server.data, data)
        yield Gold(data, Copy(id="redis_20261122_030000_full", path=path, mark=dumped.mark), state, keys)


def write(server: Here, start: int, stop: int) -> None:
    """Write what a later one would notice if it were applied twice, half, or not at all."""
    with server.client.pipeline(transaction=False) as pipe:
        for number in range(start, stop):
            pipe.set(f"key:{number}", f"{number}:" + "x" * (number % 50))
            if number % 4 == 0:
                pipe.rpush(f"list:{number % 20}", number)
                pipe.incr(f"count:{number % 10}")
            if number % 50 == 7:
                pipe.execute_command("MULTI")
                pipe.decrby("account:a", 1)
                pipe.incrby("account:b", 1)
                pipe.execute_command("EXEC")
            if number % 40 == 9:
                pipe.delete(f"key:{number - 5}")
                pipe.set(f"leaving:{number}", "soon", ex=5000)
        pipe.execute()
