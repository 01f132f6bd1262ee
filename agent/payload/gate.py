"""The application's write gate: it pauses for the moment in which a backup begins.

The application holds `.gate` shared (flock) around each write of row, vector and file, and begins none while
`.quiesce` is younger than 30 seconds. So a backup waits only for what is under way, and one that dies holds
nobody up: its lock goes with it, and its flag grows old.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.payload.durable import Refuse


@contextmanager
def paused(folder: Path, within: float) -> Iterator[None]:
    """Keep the application whose data lies in `folder` from writing for the length of a `with`.

    Raises:
        Refuse: what was under way had not ended after `within` seconds.
    """
    flag, gate = folder / ".quiesce", folder / ".gate"
    handle = os.open(gate, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        os.fchmod(handle, 0o666)
        flag.touch()
        os.utime(flag)
        _lock(handle, within)
        yield
    finally:
        flag.unlink(missing_ok=True)
        os.close(handle)


def _lock(handle: int, within: float) -> None:
    end = time.monotonic() + within
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise Refuse(
                    f"expected the application to pause its writes within {within:g} seconds, found one "
                    "still under way; nothing was taken"
                ) from None
            # A pause between two looks, never in place of one.
            time.sleep(0.002)
        else:
            return
