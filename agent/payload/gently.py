"""A program of ours that steps back behind whatever else its host does."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable

_CLASSES = {"idle": ("-c", "3"), "best-effort": ("-c", "2", "-n", "7")}


def step_back(nice: int = 10, io: str = "") -> None:
    """Lower this process's priority, and that of its disk accesses where the host has `ionice`."""
    # What it was begun with may be lower already, and nobody may raise it.
    os.nice(max(0, nice - os.nice(0)))
    words = _CLASSES.get(io)
    if words and shutil.which("ionice"):
        subprocess.run(["ionice", *words, "-p", str(os.getpid())], check=False, capture_output=True)


class Pace:
    """A bound on bytes a second, on average since it was made; 0 is none."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate, self._clock, self._wait = rate, clock, wait
        self._began, self._passed = clock(), 0

    def passed(self, count: int) -> None:
        """Note that so many bytes have gone, and wait where that was too soon."""
        if not self.rate:
            return
        self._passed += count
        early = self._began + self._passed / self.rate - self._clock()
        if early > 0:
            self._wait(early)
