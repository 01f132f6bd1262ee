"""A road that lets a step take no longer than its `timeout`, and wait no longer than the run goes on."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass, field

from agent.errors import Stopped, TimedOut
from agent.runbook.stop_sign import StopSign
from agent.transport.ask import Done, Get, Put, Sh
from agent.transport.road import Road

_GLANCE = 0.2


@dataclass
class Hurried:
    """`road`, until `seconds` from now: a command gets what is left, and nothing is begun after that.

    Between two looks at an awaited state `stop` ends it.
    """

    road: Road
    seconds: float
    stop: StopSign
    host: str = field(init=False)
    _end: float = field(init=False)

    def __post_init__(self) -> None:
        self.host = self.road.host
        self._end = time.monotonic() + self.seconds

    def _left(self, what: object) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimedOut(f"{self.host}: the step's {self.seconds:g} s were over before `{what}` was begun.")
        return left

    def open(self) -> None:
        """Open the road."""
        self.road.open()

    def run(self, ask: Sh, *, job: str = "") -> Done:
        """Run a command in what is left of the time."""
        if math.isinf(self.seconds):
            return self.road.run(ask, job=job)
        shorter = copy.copy(ask)
        object.__setattr__(shorter, "timeout", min(ask.timeout, self._left(ask)))
        return self.road.run(shorter, job=job)

    def put(self, ask: Put) -> None:
        """Write a file, where there is time left."""
        self._left(ask)
        self.road.put(ask)

    def get(self, ask: Get) -> bytes:
        """Read a file, where there is time left."""
        self._left(ask)
        return self.road.get(ask)

    def clock(self) -> float:
        """Return the host's time."""
        return self.road.clock()

    def pause(self, seconds: float) -> None:
        """Let time pass, where there is time left and nobody wants the run to end."""
        self._left("the next look")
        while seconds > 0:
            if self.stop.is_set():
                raise Stopped(f"Stopped while waiting on {self.host}; nothing is in flight.")
            self.road.pause(min(seconds, _GLANCE))
            seconds -= _GLANCE

    def forget(self, run: str) -> None:
        """Remove the files of a run's jobs."""
        self.road.forget(run)

    def close(self) -> None:
        """Close the road."""
        self.road.close()
