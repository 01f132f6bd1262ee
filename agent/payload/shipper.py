"""What ships a database all the time: its processes, and their end before another one is put in place."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from agent.payload.durable import Refuse


def processes(config: str) -> list[int]:
    """Return the processes that ship this database, by the configuration they were started with."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if "replicate" in words[1:2] and config in words:
            found.append(int(path.parent.name))
    return found


def end(config: str) -> None:
    """End what ships the database: its supervisor starts it again, on the one that is in place then.

    By force: asked to end it writes to the database, which would change what is kept of the damage.

    Raises:
        Refuse: it did not end.
    """
    for number in processes(config):
        try:
            handle = os.pidfd_open(number)
        except ProcessLookupError:
            continue
        try:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            if not _gone(handle, 20):
                raise Refuse("expected Litestream to end within 20 seconds, found it running")
        finally:
            os.close(handle)


def _gone(handle: int, within: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(within * 1000))
