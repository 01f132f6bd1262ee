"""How long everybody else waits for a running Redis: a connection of its own that times its PINGs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from agent.payload.kept_cli import CliFailed, KeptCli

_EVERY = 0.005


class Waits:
    """Asks PING every few milliseconds for the length of a `with`, in a thread beside the work."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words` is the command line of redis-cli; nothing is started yet."""
        self._words = words
        self._stop = threading.Event()
        self._enough = threading.Event()
        self._taken: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Waits:
        """Begin."""
        self._thread.start()
        return self

    def _run(self) -> None:
        # Whatever becomes of the server, whoever works on it meets it too and says so.
        with contextlib.suppress(CliFailed, OSError), KeptCli(self._words) as cli:
            cli.ask(b"PING")
            while not self._stop.wait(_EVERY):
                began = time.perf_counter()
                cli.ask(b"PING")
                self._taken.append(time.perf_counter() - began)
                if len(self._taken) >= 100:
                    self._enough.set()
        self._enough.set()

    def baseline(self, within: float = 2.0) -> tuple[float, float]:
        """Return median and p99 in milliseconds of some hundred answers, and begin anew."""
        self._enough.wait(within)
        found = self.figures()
        self._taken = []
        return found

    def figures(self) -> tuple[float, float]:
        """Return median and p99 in milliseconds since the beginning or the baseline; zeros where none."""
        taken = sorted(self._taken)
        if not taken:
            return 0.0, 0.0
        places = (len(taken) // 2, min(len(taken) - 1, len(taken) * 99 // 100))
        median, high = (round(taken[place] * 1000, 2) for place in places)
        return median, high

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._stop.set()
        self._thread.join(5)
