"""Which ports of 127.0.0.1 a stack gets: free now, and outside the range the kernel hands out itself."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator

# Below Linux's and macOS's ephemeral ports, so that a container that restarts finds its port free.
FIRST, LAST = 20_000, 31_999


def is_free(port: int) -> bool:
    """Return whether nothing listens on that port of 127.0.0.1, by listening on it for a moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(count: int, rng: random.Random, free: Callable[[int], bool] = is_free) -> list[int]:
    """Return `count` different free ports; another process may still take one before they are used.

    Raises:
        OSError: the whole range holds fewer free ports than that.
    """
    found: list[int] = []
    candidates: Iterator[int] = iter(rng.sample(range(FIRST, LAST + 1), LAST + 1 - FIRST))
    while len(found) < count:
        port = next(candidates, None)
        if port is None:
            raise OSError(f"only {len(found)} of {count} ports between {FIRST} and {LAST} are free")
        if free(port):
            found.append(port)
    return found
