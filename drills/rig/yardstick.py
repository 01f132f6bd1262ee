"""How fast this machine itself is meanwhile: asks of a process of ours that no fault touches."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from drills.rig.pace import Took

ROOT = Path(__file__).parents[2]
_ASKED = b"\0" * 64
# An answer costs a computation beside the wake-ups of both sides, as a write's does: about as much of each.
_WORK = b"\0" * 200_000


class Yardstick:
    """A thread that has another process of this machine answer `rate` times a second until it is stopped.

    `took` is how each went, `process` the other one. Where writes and these become
    slower alike, it is the machine that did.
    """

    def __init__(self, rate: float = 50.0) -> None:
        """Nothing is started yet."""
        self.took: list[Took] = []
        self._gap = 1.0 / rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drill-yardstick", daemon=True)

    def __enter__(self) -> Self:
        """Start both sides."""
        self._ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "drills.rig.yardstick", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                cwd=ROOT,
            )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End both sides."""
        self._stop.set()
        # The other side ends with the connection, and so does an ask that is waiting for it.
        self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._ours.close()
        self.process.wait()

    def _run(self) -> None:
        while not self._stop.is_set():
            sent = time.monotonic()
            try:
                self._ours.sendall(_ASKED)
                answer = self._ours.recv(64)
            except OSError:
                return
            if not answer:
                return
            self.took.append(Took(sent, time.monotonic(), acked=True))
            self._stop.wait(self._gap)


def answer(peer: socket.socket) -> None:
    """Answer each ask until the other side is gone."""
    while peer.recv(64):
        peer.sendall(hashlib.sha256(_WORK).digest())


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        answer(connection)
