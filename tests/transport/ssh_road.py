"""A road over SSH with little patience, and what a test of one waits for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from agent.inventory.model import Host
from agent.transport.ssh import Patience, SshRoad
from tests.sshd import Sshd

QUICK = Patience(connect=2.0, ping=0.4, lost=1.2, drain=0.3, grace=0.7)


@contextlib.contextmanager
def road_to(host: Host) -> Iterator[SshRoad]:
    """A road with little patience, closed at the end."""
    road = SshRoad(host, patience=QUICK)
    try:
        yield road
    finally:
        road.close()


def until(state: Callable[[], object]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + 15
    while not state():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)


def sessions_of(sshd: Sshd, work: Callable[[], object]) -> list[int]:
    """The sshd processes that came into being while `work` opened its connection."""
    before = set(sshd.sessions())
    work()
    return [pid for pid in sshd.sessions() if pid not in before]
