"""The sign that ends a run before its next ask: Ctrl-C, or a file named `stop` in the run's folder."""

from __future__ import annotations

import time
from pathlib import Path

NAME = "stop"
_GLANCE = 0.2


class StopSign:
    """Set by whoever calls `set`, and as long as the file is there.

    It takes no lock: it may be set from anywhere, whatever was interrupted.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is the run's."""
        self._file = folder / NAME
        self._set = False

    def set(self) -> None:
        """End the run before its next ask."""
        self._set = True

    def is_set(self) -> bool:
        """Whether the run is to end."""
        return self._set or self._file.exists()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, at most `timeout` seconds; return whether it is."""
        end = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = _GLANCE if end is None else min(_GLANCE, end - time.monotonic())
            if left <= 0:
                return False
            # A file tells nobody that it has come: it is looked for.
            time.sleep(left)
        return True


def take_down(folder: Path) -> None:
    """Remove the file: whoever resumes the run wants it to go on."""
    (folder / NAME).unlink(missing_ok=True)
