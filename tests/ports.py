"""Ports for servers that are told theirs: nobody else takes one between its choice and its use."""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path
from typing import IO

_FIRST, _LAST = 10_000, 32_000
_held: list[IO[bytes]] = []


def free_port() -> int:
    """Return a port of 127.0.0.1 that is this process's until it ends, whoever else asks here.

    The kernel gives none of these to a connection or to who asks for any port: its own begin higher up.
    """
    folder = Path(tempfile.gettempdir(), f"drillyard-ports-{os.getuid()}")
    folder.mkdir(exist_ok=True)
    while True:
        # Not the one generator of all: a test that seeds it would ask for the same ports again.
        port = random.SystemRandom().randrange(_FIRST, _LAST)
        file = (folder / str(port)).open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            file.close()
            continue
        _held.append(file)
        return port
