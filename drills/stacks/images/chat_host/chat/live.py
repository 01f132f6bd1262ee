"""Messages to whoever listens, whatever process he is connected to: from Redis to this one's sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

from fastapi import WebSocket
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = logging.getLogger("chat.live")
CHANNEL = "room:"
RESYNC = {"type": "resync"}
"""Told to every listener after a break: what was sent meanwhile has to be fetched."""

_AGAIN = 0.2  # seconds between two attempts to listen again
_BEHIND = 1000  # events a listener may be behind before he is let go


class Live:
    """The listeners of this process, and its one subscription."""

    def __init__(self, redis: Redis) -> None:
        """Nothing is subscribed before `listen`."""
        self._redis = redis
        self._queues: dict[asyncio.Queue[dict[str, Any]], str] = {}

    @property
    def listeners(self) -> int:
        """How many sockets are served by this process."""
        return len(self._queues)

    async def publish(self, room: str, members: list[str], event: dict[str, Any]) -> None:
        """Hand an event to every process; raises redis's errors."""
        await self._redis.publish(CHANNEL + room, json.dumps({"members": members, "event": event}))

    async def listen(self) -> None:
        """Hand on what is published until cancelled, through every loss of Redis."""
        while True:
            try:
                await self._subscribed()
            except (RedisError, OSError) as error:
                log.warning("listening to Redis ended (%s); trying again", type(error).__name__)
            await asyncio.sleep(_AGAIN)

    async def _subscribed(self) -> None:
        async with self._redis.pubsub() as pubsub:
            await pubsub.psubscribe(f"{CHANNEL}*")
            self._hand_on(RESYNC)
            quiet = False
            while True:
                heard = await pubsub.get_message(timeout=5.0)
                if heard is None and quiet:
                    raise ConnectionError("no answer to PING")
                # A quiet connection may be a dead one, which only a question tells.
                quiet = heard is None
                if heard is None:
                    await pubsub.ping()
                elif heard["type"] == "pmessage":
                    said = json.loads(heard["data"])
                    self._hand_on(said["event"], set(said["members"]))

    def _hand_on(self, event: dict[str, Any], members: set[str] | None = None) -> None:
        for queue, user in list(self._queues.items()):
            if members is not None and user not in members:
                continue
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self._queues.pop(queue, None)

    async def serve(self, socket: WebSocket, user: str) -> None:
        """Send a user everything that happens in his rooms, until he leaves or falls too far behind."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(_BEHIND)
        self._queues[queue] = user
        leaving = asyncio.create_task(_left(socket))
        try:
            while queue in self._queues:
                hearing = asyncio.create_task(queue.get())
                done, _ = await asyncio.wait({hearing, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if hearing not in done:
                    hearing.cancel()
                    return
                await socket.send_json(hearing.result())
        finally:
            self._queues.pop(queue, None)
            leaving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await leaving


async def _left(socket: WebSocket) -> None:
    """Return once the other side has closed; what it says until then is of no interest."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
