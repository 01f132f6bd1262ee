"""Whether users would be served now: each dependency is used the way a user's request would use it."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from .store import Store

Checks = Mapping[str, Callable[[], Awaitable[None]]]


async def health(checks: Checks, seconds: float) -> dict[str, Any]:
    """Return `{"ok": true, "ts": …}`, or `ok` false with what is wrong with which dependency.

    All are asked at once, and an answer that takes longer than `seconds` is none.
    """
    names = list(checks)
    found = await asyncio.gather(*(_wrong(checks[name], seconds) for name in names))
    wrong = {name: said for name, said in zip(names, found, strict=True) if said}
    stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"ok": not wrong, "ts": stamp, **({"failed": wrong} if wrong else {})}


def checks(store: Store, redis: Redis) -> Checks:
    """Return what is asked of each dependency: to take a write, and to give it back."""

    async def asks_redis() -> None:
        key, token = f"health:{socket.gethostname()}:{os.getpid()}", os.urandom(8).hex()
        await redis.set(key, token, ex=60)
        if await redis.get(key) != token:
            raise ConnectionError("what was written was not read back")

    return {"mongodb": store.check, "redis": asks_redis}


async def _wrong(check: Callable[[], Awaitable[None]], seconds: float) -> str:
    try:
        await asyncio.wait_for(check(), seconds)
    except TimeoutError:
        return f"no answer in {seconds:g} s"
    except Exception as error:  # noqa: BLE001 - whatever a dependency's driver raises: it does not work
        return type(error).__name__
    return ""
