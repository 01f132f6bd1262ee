"""How often somebody may call: buckets that fill with time, one for each caller, few kept."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

_MOST = 10_000


@dataclass(frozen=True)
class Rates:
    """Calls in a minute: of one token, of these the changing ones, and of an address without a token."""

    calls: int = 120
    changes: int = 10
    strangers: int = 20


class Buckets:
    """One bucket a caller, holding a minute's calls; who was longest away is forgotten first."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Each is full at first."""
        self._size, self._clock = float(a_minute), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, caller: str) -> float:
        """Take one call; return 0, or the seconds until there is one where the bucket is empty."""
        with self._lock:
            now = self._clock()
            left, since = self._left.pop(caller, (self._size, now))
            left = min(self._size, left + (now - since) * self._size / 60)
            short = max(0.0, 1 - left)
            self._left[caller] = (left if short else left - 1, now)
            while len(self._left) > _MOST:
                self._left.popitem(last=False)
            return short * 60 / self._size
