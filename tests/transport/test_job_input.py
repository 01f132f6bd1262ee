"""Where a job's input is kept until it begins: in memory where that has room, else beside the job's files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import sys
from agent.inventory.model import Host
from agent.transport.ask import Sh
from agent.transport.choose import open_road
road = open_road(Host("here", road="local", state_dir=sys.argv[1]))
done = road.run(Sh("wc", "-c", stdin=b"x" * 200_000, changes="counts"), job="full.1")
print(done.text)
"""
FULL = (
    'mount -t tmpfs -o size=256k none /dev/shm || exit 77; head -c 200000 /dev/zero >/dev/shm/junk; exec "$@"'
)


def test_a_full_memory_disk_keeps_no_job_from_its_input(tmp_path: Path) -> None:
    """Somebody else's shared memory may fill /dev/shm on a night with room on every disk."""
    argv = ["unshare", "--mount", "sh", "-c", FULL, "sh", sys.executable, "-c", RUN, str(tmp_path / "state")]
    root = Path(__file__).parents[2]
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("a /dev/shm of our own needs root and a mount namespace")
    assert done.stdout == "200000\n", done.stderr
