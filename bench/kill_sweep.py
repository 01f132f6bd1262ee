"""Kill the controller at every line of its journal in turn, take the run up, and see what is left of it.

    python bench/kill_sweep.py [--every 1] [--workers 2] [--page twelve]

Three hosts, four sweeps: a page of twelve steps (appended lines, a registered answer, when, block with
rescue and always, retry, serial), one that is rescued where its failing step has left something, one that
fails and is taken back, and the twelve steps taken up by two controllers at once. Every appended line must be
there exactly once, no lock and no job left.
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
SWEEPS = {
    "twelve": ("twelve", 1),
    "rescue": ("rescue", 1),
    "undo": ("undo", 1),
    "two-resumers": ("twelve", 2),
}
# Another is at work, or was done by then: nothing is left that `latest` could be.
TURNED_AWAY = {22, 24, 50}


def agents(arguments: list[str], count: int = 1) -> list[int]:
    """Run the command line as so many processes at once; return their exit codes, the lowest first."""
    argv = [sys.executable, "-m", "agent", *arguments]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    begun = [subprocess.Popen(argv, cwd=ROOT, **quiet) for _ in range(count)]  # type: ignore[call-overload]
    return sorted(each.wait() for each in begun)


def survived(page: str, resumers: int, line: int) -> str:
    """Kill a run at one line of its journal and take it up; return what went wrong, or nothing."""
    with TemporaryDirectory(prefix="drillyard-kill-") as home:
        world = World.made(Path(home), page)
        world.killed_at(line)
        first, *others = agents(world.resume, resumers)
        if first != world.case.code or not set(others) <= TURNED_AWAY:
            return f"resume ended with {[first, *others]}"
        return world.amiss()


def sweep(name: str, every: int, workers: int) -> bool:
    """Print a line for each kill that was not survived, then how many were; return whether all were."""
    page, resumers = SWEEPS[name]
    with TemporaryDirectory(prefix="drillyard-kill-") as home:
        world = World.made(Path(home), page)
        if agents(world.run) != [world.case.code] or world.amiss():
            raise SystemExit(f"{name}: the run does not even end well in peace: {world.amiss()}")
        # The last line ends the run: there is nothing to take up after it.
        lines = range(1, world.lines(), every)
    with ThreadPoolExecutor(workers) as pool:
        results = dict(zip(lines, pool.map(lambda line: survived(page, resumers, line), lines), strict=True))
    for line, problem in results.items():
        if problem:
            print(f"{name}: killed at line {line}: {problem}")
    good = sum(not problem for problem in results.values())
    print(f"{name}: survived {good}/{len(results)} kills on 3 hosts", flush=True)
    return good == len(results)


def main() -> int:
    """Sweep what was chosen, or all; 0 where every kill was survived."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="only every so many lines")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page", action="append", choices=[*SWEEPS], help="only this sweep")
    chosen = parser.parse_args()
    swept = [sweep(name, chosen.every, chosen.workers) for name in chosen.page or SWEEPS]
    return 0 if all(swept) else 1


if __name__ == "__main__":
    sys.exit(main())
