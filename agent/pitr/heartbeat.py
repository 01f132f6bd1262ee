"""A document written once a second: how late the capture is, and that no change between two is missing."""

from __future__ import annotations

import threading
import time
from collections import deque

from pymongo.errors import PyMongoError

from agent.pitr.model import Lag
from agent.pitr.server import OURS, connect
from agent.pitr.stream import Gap

_KEPT = 300


class Heart(threading.Thread):
    """Beats until it is stopped; a beat that fails is told in `error` and not made up for."""

    def __init__(self, uri: str, every: float = 1.0) -> None:
        """Prepare to beat every so many seconds."""
        super().__init__(name="heartbeat", daemon=True)
        self.error = ""
        self._uri = uri
        self._every = every
        self._ended = threading.Event()

    def run(self) -> None:
        """Beat."""
        client = connect(self._uri, 5, socketTimeoutMS=10_000)
        beats = client[OURS]["heartbeat"]
        try:
            while not self._ended.is_set():
                try:
                    beat = {"$set": {"w": time.time()}, "$inc": {"n": 1}}
                    beats.update_one({"_id": "drillyard"}, beat, upsert=True)
                    self.error = ""
                except PyMongoError as error:
                    self.error = f"the heartbeat cannot be written: {str(error)[:200]}"
                self._ended.wait(self._every)
        finally:
            client.close()

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self.join(15)


class Pulse:
    """What the beats that came back through the stream tell: the lag, and whether one is missing."""

    def __init__(self) -> None:
        """Nothing was heard yet."""
        self._heard = 0
        self._waiting: list[float] = []
        self._lags: deque[float] = deque(maxlen=_KEPT)

    def hear(self, n: int, at: float) -> None:
        """Take note of a beat.

        Raises:
            Gap: one before it never came; MongoDB numbers them, so others' changes are missing too.
        """
        if self._heard and n > self._heard + 1:
            raise Gap(f"heartbeats {self._heard + 1} to {n - 1} are missing from the stream")
        # A smaller number: somebody deleted the document, and it counts from the beginning.
        if n != self._heard:
            self._waiting.append(at)
        self._heard = n

    def remember(self, n: int) -> None:
        """Go on from a beat that an earlier process heard."""
        self._heard = max(self._heard, n)

    def heard(self) -> list[float]:
        """Return the times of the beats that were heard and are not known to be on disk."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def on_disk(self, beats: list[float], now: float) -> None:
        """Say that these beats are on disk now, and so is everything before them."""
        self._lags.extend(now - at for at in beats)

    def lag(self) -> Lag:
        """Return the lag of the last minutes."""
        if not self._lags:
            return Lag()
        ranked = sorted(self._lags)
        return Lag(
            median=round(ranked[len(ranked) // 2], 3),
            p99=round(ranked[min(int(len(ranked) * 0.99), len(ranked) - 1)], 3),
            worst=round(ranked[-1], 3),
            samples=len(ranked),
        )
