"""A road over SSH that gives up late or soon, and what a test of one waits for."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator

from agent.inventory.model import Host
from agent.transport.ssh import Patience, SshRoad
from tests.sshd import Sshd

# Asks soon whether the host lives, and never gives up one that is only busy.
PATIENT = Patience(connect=60.0, ping=0.4, lost=60.0, drain=0.3, grace=0.7)


@contextlib.contextmanager
def road_to(host: Host, patience: Patience = PATIENT) -> Iterator[SshRoad]:
    """A road, closed at the end."""
    road = SshRoad(host, patience=patience)
    try:
        yield road
    finally:
        road.close()


def until(state: Callable[[], object]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + 60
    while not state():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)


def running(words: str) -> list[str]:
    """State, id and command line of the machine's processes that hold `words`, dead ones left out."""
    argv = ["ps", "-eww", "-o", "stat=,pid=,args="]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return [line for line in shown.splitlines() if words in line and not line.startswith("Z")]


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal; the part of sshd that let us in may be gone by now."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def sessions_of(sshd: Sshd, work: Callable[[], object]) -> list[int]:
    """The sshd processes that came into being while `work` opened its connection."""
    before = set(sshd.sessions())
    work()
    return [pid for pid in sshd.sessions() if pid not in before]
