"""Ports that servers are told: each is somebody's own until he ends, and none is the kernel's to give."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.documents import ROOT
from tests.ports import free_port


def test_no_port_is_given_twice() -> None:
    """Neither to this process nor to another one, also where nobody listens on it yet."""
    mine = [free_port() for _ in range(50)]
    text = (
        "import random\nfrom tests import ports\n"
        f"offered = iter([*{mine!r}, 10_007, 10_008, 10_009, *range(20_000, 20_500)])\n"
        "random.SystemRandom.randrange = lambda *_: next(offered)\n"
        "print(ports.free_port())\n"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len({*mine, int(done.stdout)}) == 51


def test_the_kernel_gives_none_of_them_away() -> None:
    """Who asks for any port, and who connects, is given another one."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert free_port() < first
