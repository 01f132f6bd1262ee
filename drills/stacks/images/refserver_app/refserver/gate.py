"""The gate every write passes, so that a backup can have one instant of row, vector and file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

STALE = 30.0
"""Seconds after which a request for quiet counts no more: whoever asked has died."""
LOOK = 0.005


class Gate:
    """One gate in a data folder: writers pass it together, a backup alone."""

    def __init__(self, data: Path) -> None:
        """Nothing is opened yet."""
        self._flag = data / ".quiesce"
        self._file = data / ".gate"
        self._pause = threading.Event()

    @contextlib.contextmanager
    def passing(self) -> Iterator[None]:
        """Be inside; a backup that asks for quiet is let go first."""
        opened = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            while True:
                while self._asked():
                    self._pause.wait(LOOK)
                fcntl.flock(opened, fcntl.LOCK_SH)
                if not self._asked():
                    break
                fcntl.flock(opened, fcntl.LOCK_UN)
            yield
        finally:
            os.close(opened)

    def _asked(self) -> bool:
        try:
            return time.time() - self._flag.stat().st_mtime < STALE
        except OSError:
            return False
