"""The yardstick: another process that answers, and nothing of it left behind."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from drills.rig.pace import FEWEST
from drills.rig.yardstick import Yardstick, answer


def test_it_is_answered_until_it_is_ended() -> None:
    """By a process that is there meanwhile, and gone afterwards; each answer has its times."""
    with Yardstick(rate=500) as yardstick:
        process = Path(f"/proc/{yardstick.process.pid}")
        assert process.exists()
        enough = threading.Event()
        while len(yardstick.took) < FEWEST:
            assert yardstick.process.poll() is None
            enough.wait(0.01)
    assert not process.exists()
    assert all(0 < took.sent < took.ended and took.acked for took in yardstick.took)


def test_the_other_side_ends_with_the_connection() -> None:
    """It answers an ask, and returns where there are none to come."""
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(b"1")
            thread = threading.Thread(target=answer, args=(theirs,))
            thread.start()
            assert len(ours.recv(64)) == 32
        thread.join(timeout=60)
        assert not thread.is_alive()
