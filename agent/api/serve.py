"""The server: uvicorn, quiet, bounded, ended by SIGTERM or Ctrl-C after what is being answered."""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

_AT_ONCE = 64
_LAST_ANSWERS = 10


def serve(
    app: ASGIApp, listener: socket.socket, tls: ssl.SSLContext | None, begin: Callable[[], None]
) -> None:
    """Do `begin`, then serve until SIGTERM or SIGINT; one that comes before that is heeded too."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="warning",
        lifespan="off",
        ws="none",
        http="h11",
        loop="asyncio",
        server_header=False,
        # Whose call it was is the peer's address: a header could say anything.
        proxy_headers=False,
        limit_concurrency=_AT_ONCE,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=_LAST_ANSWERS,
        h11_max_incomplete_event_size=16 * 1024,
    )
    config.load()
    config.ssl = tls
    server = uvicorn.Server(config)

    def end(_signal: int, _frame: FrameType | None) -> None:
        # The server raises its signal again when it has ended: this keeps the process for what is left.
        server.should_exit = True

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, end)
    begin()
    server.run(sockets=[listener])
