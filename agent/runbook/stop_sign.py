"""The sign that ends a run before its next ask: Ctrl-C, or a file named `stop` in the run's folder."""

from __future__ import annotations

import threading
import time
from pathlib import Path

NAME = "stop"
_GLANCE = 0.2


class StopSign(threading.Event):
    """Set by whoever calls `set`, and as long as the file is there."""

    def __init__(self, folder: Path) -> None:
        """`folder` is the run's."""
        super().__init__()
        self._file = folder / NAME

    def is_set(self) -> bool:
        """Whether the run is to end."""
        return super().is_set() or self._file.exists()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most `timeout` seconds; return whether it is."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = _GLANCE if end is None else min(_GLANCE, end - time.monotonic())
            if left <= 0:
                return False
            super().wait(left)
        return True


def take_down(folder: Path) -> None:
    """Remove the file: whoever resumes the run wants it to go on."""
    (folder / NAME).unlink(missing_ok=True)
