"""The ways to a host that the suite of roads takes on this machine."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.inventory.model import Host
from agent.transport import Roads, open_road, order
from agent.transport.ask import Sh
from agent.transport.road import Road
from tests.sshd import accounts_possible, possible

IMAGE = "debian:bookworm-slim"
APPLETS = "sh cat head wc date sleep mkdir rm mv chmod chown dd sync setsid id timeout ls stat env seq sed"


def containers() -> bool:
    """Whether a docker engine answers here and has the image."""
    if not shutil.which("docker"):
        return False
    argv = ["docker", "image", "inspect", IMAGE]
    return subprocess.run(argv, capture_output=True, check=False, timeout=60).returncode == 0


WAYS = [
    "local",
    *(["busybox"] if shutil.which("busybox") else []),
    *(["ssh"] if possible() and accounts_possible() else []),
    *(["docker"] if containers() else []),
    "worker",
    *(["worker-ssh"] if possible() and accounts_possible() else []),
]


@dataclass
class Way:
    """One way to a host: the road under test, how to open another, and a folder of the test's own there."""

    to: Host
    spill: Path
    road: Road
    limit: float
    folder: str
    roads: Roads = open_road

    def another(self) -> Road:
        """A second road to the same host."""
        return self.roads(self.to, spill=self.spill)

    def job_path(self, ask: Sh, job: str) -> str:
        """What the paths of a job's files on the host begin with."""
        return order.job_of(ask, job, self.to.state_dir, open_road(self.to)._arrive()).path


def until(state: Callable[[], object]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + 60
    while not state():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.02)
