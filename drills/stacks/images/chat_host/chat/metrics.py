"""What Prometheus is told, summed over every process of this host; and each answer's time and process."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

_SHARED = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")

REQUESTS = Counter("chat_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram("chat_request_seconds", "How long requests took.", ["route"])
MESSAGES = Counter("chat_messages_total", "Messages stored.")
UNDELIVERED = Counter("chat_undelivered_total", "Messages stored and not handed on live, as Redis failed.")
LISTENERS = Gauge("chat_listeners", "Open WebSockets.", multiprocess_mode="livesum")
DEPENDENCY = Gauge(
    "chat_dependency_up", "As the last /health saw it.", ["dependency"], multiprocess_mode="livemin"
)


def begin() -> None:
    """Forget what processes that are gone have left of themselves."""
    for file in Path(_SHARED).glob("*_[0-9]*.db") if _SHARED else ():
        pid = file.stem.rpartition("_")[2]
        if not Path(f"/proc/{pid}").exists():
            multiprocess.mark_process_dead(int(pid))


def text() -> bytes:
    """Return everything in Prometheus's text format."""
    if not _SHARED:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)


class Measured:
    """ASGI middleware: counts and times every request and says in `X-Process` which process answered."""

    def __init__(self, app: Any) -> None:
        """Measure `app`."""
        self._app = app
        self._process = str(os.getpid()).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-process", self._process)]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            # A path that matches no route stays out: anybody could make up as many as he likes.
            route = getattr(scope.get("route"), "path", "other")
            REQUESTS.labels(scope["method"], route, status).inc()
            SECONDS.labels(route).observe(time.perf_counter() - began)
