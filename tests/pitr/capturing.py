"""A capture at work beside a test, and waiting for what it comes to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from bson import Timestamp

from agent.pitr import instant
from agent.pitr.capture import Capture
from agent.pitr.model import CaptureStatus
from agent.pitr.server import now_of
from agent.pitr.settings import Settings
from agent.pitr.store import Timeline
from tests.mongo_standin import MongoServer


def until(holds: Callable[[], Any], seconds: float = 120) -> Any:
    """Return what `holds` returns once that is true."""
    quiet, limit = threading.Event(), monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        assert monotonic() < limit, "it never came"
        quiet.wait(0.02)


def beginning(timeline: Timeline) -> Timestamp:
    """Return from where on a timeline's log is there: what no base needs goes once there is one."""
    segments = timeline.segments()
    return segments[0].first if segments and segments[0].n > 1 else Timestamp(0, 0)


class Captured:
    """A capture in a thread of this process."""

    def __init__(self, settings: Settings) -> None:
        self.lines: list[str] = []
        self.capture = Capture(settings, self.lines.append)
        self.store = self.capture.store
        self._thread = threading.Thread(target=self.capture.run)

    @property
    def status(self) -> CaptureStatus:
        """What it says of itself."""
        return self.store.status()

    def start(self) -> None:
        """Start it."""
        self._thread.start()

    def based(self) -> CaptureStatus:
        """Wait until it has a base."""
        return until(lambda: self.begun and self.status.base and self.status)

    @property
    def begun(self) -> bool:
        """Whether this very capture has something on disk; a status may be another's."""
        return self.status.state in ("basing", "capturing") and bool(self.status.captured_up_to)

    def caught_up(self, server: MongoServer) -> str:
        """Wait until everything the server acknowledged is on disk; return that moment."""
        with server.client() as client:
            now = now_of(client)
        until(lambda: self.status.captured_up_to and instant.read(self.status.captured_up_to) >= now)
        return instant.show(now)

    def end(self) -> None:
        """End it as SIGTERM would."""
        self.capture.stop.set()
        self._thread.join(60)


@contextmanager
def capturing(server: MongoServer, store: Path, **settings: Any) -> Iterator[Captured]:
    """Capture until the block ends; a base has been taken when it begins, unless `base_every` is 0."""
    told = {"beat_every": 0.2, "flush_every": 0.1, "seal_every": 1.0, **settings}
    captured = Captured(Settings(uri=server.uri, store=str(store), **told))
    captured.start()
    try:
        if told.get("base_every") == 0:
            until(lambda: captured.begun)
        else:
            captured.based()
        yield captured
    finally:
        captured.end()
