"""Kill the controller at every line of its journal in turn, take the run up, and see what is left of it.

    python bench/kill_sweep.py [--every 1] [--workers 2]

A page of twelve steps (appended lines, a registered answer, when, block with rescue and always, retry,
serial) runs on three hosts. Every appended line must be there exactly once, no lock and no job folder left.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.runbook.sweep import World

ROOT = Path(__file__).resolve().parent.parent


def agent(arguments: list[str]) -> int:
    """Run the command line as a process; return its exit code."""
    argv = [sys.executable, "-m", "agent", *arguments]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, check=False).returncode


def survived(line: int) -> str:
    """Kill a run at one line of its journal and take it up; return what went wrong, or nothing."""
    with TemporaryDirectory(prefix="drillyard-kill-") as home:
        world = World.made(Path(home))
        world.killed_at(line)
        code = agent(world.resume)
        return world.amiss() if code == 0 else f"resume ended with {code}"


def main() -> int:
    """Sweep, print one line for each kill that was not survived, then how many were."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="only every so many lines")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    with TemporaryDirectory(prefix="drillyard-kill-") as home:
        world = World.made(Path(home))
        if agent(world.run) or world.amiss():
            raise SystemExit(f"the run does not even end well in peace: {world.amiss()}")
        # The last line ends the run: there is nothing to take up after it.
        lines = range(1, world.lines(), chosen.every)
    with ThreadPoolExecutor(chosen.workers) as pool:
        results = dict(zip(lines, pool.map(survived, lines), strict=True))
    for line, problem in results.items():
        if problem:
            print(f"killed at line {line}: {problem}")
    good = sum(not problem for problem in results.values())
    print(f"survived {good}/{len(results)} kills, 12 steps on 3 hosts")
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
