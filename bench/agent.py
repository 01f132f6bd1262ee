"""Ten steps on many hosts: the agent and its peers, side by side, as their users run them.

    python bench/agent.py --hosts 1,16 [--rounds 3] [--rtt 80] [--json]

The hosts are containers with sshd and python3, the same for every tool. Each tool is a whole process, start
and connecting included; a round runs every tool once, in turn, and the table holds medians. CPU is the
controller's, of all processes the tool started. Memory is the largest sum of PSS, seen in a run of its own
that is not timed. The peers are installed into .cache/bench/. With --rtt the hosts are reached through a
relay on 127.0.0.1 that holds every byte back by half of so many milliseconds in either direction.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.hosts import Target, containers
from bench.measure import Took, measure
from bench.peers.tools import ALSO, TOOLS, Job, command
from bench.relay import delayed
from bench.steps import steps


@dataclass
class Row:
    """One tool on so many hosts: what its timed runs took, and its memory."""

    tool: str
    hosts: int
    took: list[Took] = field(default_factory=list)
    mb: float = 0.0

    def data(self) -> dict[str, object]:
        """Medians, as in the table."""
        walls = [each.wall for each in self.took]
        return {
            "tool": self.tool,
            "hosts": self.hosts,
            "wall": round(statistics.median(walls), 3),
            "fastest": round(min(walls), 3),
            "cpu": round(statistics.median(each.cpu for each in self.took), 3),
            "rss_mb": round(self.mb, 1),
        }


def once(tool: str, hosts: Sequence[Target], where: Path, *, memory: bool) -> Took:
    """Carry out the ten steps once with one tool and see that they were."""
    with TemporaryDirectory(prefix=f"{tool}-", dir=where) as home:
        folder = Path(home)
        remote = f"/tmp/bench/{folder.name}"
        job = Job(hosts, steps(remote), folder, forks=16 if len(hosts) <= 16 else 64)
        argv, env = command(tool, job)
        return measure(argv, env=env, cwd=folder, memory=memory)


@contextlib.contextmanager
def world(count: int, where: Path, rtt: float) -> Iterator[list[Target]]:
    """Hosts, near or behind a slow line."""
    keys = where / "keys"
    keys.mkdir()
    with containers(count, keys) as targets:
        if not rtt:
            yield targets
            return
        with delayed(targets, rtt / 1000) as far:
            yield far


def compare(tools: Sequence[str], counts: Sequence[int], rounds: int, rtt: float) -> list[Row]:
    """Measure every tool on every number of hosts, fewest hosts first."""
    rows = []
    with TemporaryDirectory(prefix="drillyard-bench-") as home, world(max(counts), Path(home), rtt) as all_:
        for count in sorted(counts):
            crew = [Row(tool, count) for tool in tools]
            for row in crew:  # the first round fills caches and is for memory
                row.mb = once(row.tool, all_[:count], Path(home), memory=True).mb
            for n in range(1, rounds + 1):
                for row in crew:
                    row.took.append(once(row.tool, all_[:count], Path(home), memory=False))
                    print(
                        f"round {n}, {count:>3} hosts, {row.tool}: {row.took[-1].wall:.2f} s", file=sys.stderr
                    )
            rows += crew
            table(crew)
    return rows


def table(rows: Sequence[Row]) -> None:
    """Print the rows of one number of hosts."""
    data = [row.data() for row in rows]
    best = min(float(str(row["wall"])) for row in data)
    load = os.getloadavg()[0]
    print(f"\n{rows[0].hosts} hosts, {len(rows[0].took)} rounds, {os.cpu_count()} cores, load {load:.1f}")
    print("| tool | hosts | wall s (median) | wall s (best) | CPU s | MB | times the fastest |")
    print("|---|---|---|---|---|---|---|")
    for row in data:
        times = float(str(row["wall"])) / best
        cells = [row[key] for key in ("tool", "hosts", "wall", "fastest", "cpu", "rss_mb")]
        print("|", " | ".join(map(str, [*cells, f"{times:.2f}"])), "|", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", default="1,16", help="how many, several by comma: 1,16,64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rtt", type=float, default=0.0, help="milliseconds there and back")
    parser.add_argument("--tools", default=",".join(TOOLS), help=f"some of {', '.join((*TOOLS, *ALSO))}")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    chosen = parser.parse_args()
    counts = [int(each) for each in chosen.hosts.split(",")]
    tools = chosen.tools.split(",")
    if odd := [tool for tool in tools if tool not in (*TOOLS, *ALSO)]:
        parser.error(f"no tool is called {odd[0]}")
    rows = compare(tools, counts, chosen.rounds, chosen.rtt)
    if chosen.json:
        print(json.dumps({"results": [row.data() for row in rows]}))


if __name__ == "__main__":
    main()
