"""A road that lets a step take no longer than its `timeout`, whatever the asks of its action allow."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, field

from agent.errors import TimedOut
from agent.transport.ask import Done, Get, Put, Sh
from agent.transport.road import Road


@dataclass
class Hurried:
    """`road`, until `seconds` from now: a command gets what is left, and nothing is begun after that."""

    road: Road
    seconds: float
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
        """Let time pass, where there is time left."""
        self._left("the next look")
        self.road.pause(seconds)

    def forget(self, run: str) -> None:
        """Remove the job folders of a run."""
        self.road.forget(run)

    def close(self) -> None:
        """Close the road."""
        self.road.close()
