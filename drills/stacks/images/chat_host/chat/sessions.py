"""Who is logged in, and who has unread messages: in Redis, each for its time."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .settings import Settings


def connect(settings: Settings) -> Redis:
    """Return a client that never repeats a command by itself and waits no longer than it is told."""
    return Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=settings.dependency,
        socket_connect_timeout=settings.dependency,
        retry=Retry(NoBackoff(), 0),
        retry_on_error=[],
    )


class Sessions:
    """Tokens and unread counts. Every method raises redis's errors where it does not answer."""

    def __init__(self, redis: Redis, seconds: int) -> None:
        """A token is good for `seconds` after it was last used."""
        self._redis = redis
        self._seconds = seconds

    async def open(self, user: str) -> str:
        """Return a new token for a user; Redis knows its hash alone."""
        token = secrets.token_urlsafe(32)
        await self._redis.set(_key(token), user, ex=self._seconds)
        return token

    async def user(self, token: str) -> str | None:
        """Return whose token it is, or None where it has expired or never was one."""
        found = await self._redis.getex(_key(token), ex=self._seconds)
        return None if found is None else str(found)

    async def close(self, token: str) -> None:
        """Make a token worthless."""
        await self._redis.delete(_key(token))

    async def unread(self, user: str) -> dict[str, int]:
        """Return how many messages somebody has not read, by room."""
        found = await self._redis.hgetall(f"unread:{user}")
        return {str(room): int(count) for room, count in found.items()}

    async def missed(self, users: Iterable[str], room: str, count: int) -> None:
        """Count messages that these users have not read yet."""
        pipe = self._redis.pipeline(transaction=False)
        for user in users:
            pipe.hincrby(f"unread:{user}", room, count)
        await pipe.execute()

    async def read(self, user: str, room: str) -> None:
        """Forget what somebody had not read in a room."""
        await self._redis.hdel(f"unread:{user}", room)


def _key(token: str) -> str:
    return f"session:{hashlib.sha256(token.encode()).hexdigest()}"
