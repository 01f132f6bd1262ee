"""A line to a host that can be made slow, cut or frozen: a relay on 127.0.0.1 in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.hosts import Target


class Relay:
    """Passes bytes on to one address; `delay` seconds late in either direction.

    `watch` hears every piece with its direction ("up" is towards the host) before it is passed on.
    """

    def __init__(
        self, to: tuple[str, int], delay: float = 0.0, watch: Callable[[str, bytes], None] | None = None
    ) -> None:
        self.to = to
        self.delay = delay
        self.port = 0
        self.frozen = False
        self._watch = watch or (lambda _way, _data: None)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> Relay:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Reset every connection that is open now; further ones are served."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._one, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        self._cut()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(*self.to)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, far_writer}
        self._writers |= pair
        try:
            for each in pair:
                sock = each.get_extra_info("socket")
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ways: list[Awaitable[Any]] = [
                self._pass(reader, far_writer, "up"),
                self._pass(far_reader, writer, "down"),
            ]
            await asyncio.gather(*ways)
        except asyncio.CancelledError:
            return  # the relay is being closed
        finally:
            self._writers -= pair
            for each in pair:
                each.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        sender = asyncio.create_task(self._send(queue, writer))
        data = b"-"
        while data:
            try:
                data = await reader.read(65536)
            except OSError:
                data = b""
            self._watch(way, data)
            queue.put_nowait((self._loop.time() + self.delay, data))
        await sender

    async def _send(self, queue: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
        while True:
            due, data = await queue.get()
            wait = due - self._loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            while self.frozen:
                await asyncio.sleep(0.02)
            if not data:
                with contextlib.suppress(OSError, RuntimeError):
                    writer.write_eof()
                return
            writer.write(data)


@contextlib.contextmanager
def delayed(targets: Sequence[Target], rtt: float) -> Iterator[list[Target]]:
    """Lead to the same hosts over lines with a round trip of `rtt` seconds."""
    with contextlib.ExitStack() as stack:
        far = []
        for target in targets:
            relay = stack.enter_context(Relay((target.address, target.port), rtt / 2))
            far.append(replace(target, address="127.0.0.1", port=relay.port))
        known = Path(targets[0].known)
        public = known.read_text().split("\n", 1)[0].split(" ", 1)[1]
        with known.open("a") as file:
            file.writelines(f"[127.0.0.1]:{target.port} {public}\n" for target in far)
        yield far
