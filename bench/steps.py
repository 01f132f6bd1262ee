"""Ten steps on one host: the agent's road, Fabric as it comes, and ssh with a control master, side by side.

    python bench/steps.py [--rounds 9] [--json]

Each tool is a whole process, started, connected and ended, on the same sshd of ours on 127.0.0.1. A round
runs every tool once, in turn, so that what else the machine does falls on all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parent.parent))

CHANGES = {0, 1, 4}
"""Which of the steps alter the host: the agent runs these as jobs, as in a real run."""


def steps(folder: str) -> list[str]:
    """The ten steps as a person would type them."""
    return [
        f"mkdir -p {folder}",
        f"echo hello > {folder}/a",
        f"test -f {folder}/a",
        f"sha256sum {folder}/a",
        f"cp {folder}/a {folder}/b",
        f"cmp {folder}/a {folder}/b",
        "hostname",
        "cat /proc/loadavg",
        f"ls -l {folder}",
        f"grep -c hello {folder}/a",
    ]


def drillyard(target: dict[str, str], folder: str) -> None:
    """The agent: strict host key, time limits, masked outputs, and a job for what changes."""
    from agent.inventory.model import Host
    from agent.transport import open_road
    from agent.transport.ask import Sh

    host = Host(
        "one",
        address=target["address"],
        port=int(target["port"]),
        user=target["user"],
        key_file=target["key"],
        known_hosts=target["known"],
        state_dir=f"{folder}.state",
    )
    road = open_road(host)
    for n, step in enumerate(steps(folder)):
        changes = "the folder" if n in CHANGES else ""
        done = road.run(Sh(step, script=True, changes=changes), job=f"bench.{n}" if changes else "")
        assert done.rc == 0, done
    road.close()


def fabric(target: dict[str, str], folder: str) -> None:
    """Fabric as its documentation shows it: any host key, no time limit, nothing to take up again."""
    from fabric import Connection

    connection = Connection(
        target["address"],
        user=target["user"],
        port=int(target["port"]),
        connect_kwargs={"key_filename": target["key"]},
    )
    for step in steps(folder):
        connection.run(step, hide=True, in_stream=False)
    connection.close()


def ssh_controlmaster(target: dict[str, str], folder: str) -> None:
    """One ssh process a step, over the connection of the first."""
    common = [
        "ssh",
        *("-o", f"ControlPath={folder}.mux", "-o", f"UserKnownHostsFile={target['known']}"),
        *("-p", target["port"], "-i", target["key"], f"{target['user']}@{target['address']}"),
    ]
    first = [*common[:1], "-o", "ControlMaster=auto", "-o", "ControlPersist=60", *common[1:]]
    for n, step in enumerate(steps(folder)):
        subprocess.run([*(common if n else first), step], check=True, capture_output=True)
    subprocess.run([*common[:1], "-O", "exit", *common[1:]], check=True, capture_output=True)


TOOLS = {"drillyard": drillyard, "fabric": fabric, "ssh-controlmaster": ssh_controlmaster}


def measure(tool: str, target: dict[str, str], folder: str) -> tuple[float, float]:
    """Wall and CPU seconds of one whole process that does the ten steps."""
    argv = [sys.executable, str(HERE), "--as", tool, "--target", json.dumps(target), "--folder", folder]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(argv, check=True, env=env)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(rounds: int) -> list[dict[str, object]]:
    """Run every tool `rounds` times in turn and return the medians."""
    from tests.sshd import running_sshd

    times: dict[str, list[tuple[float, float]]] = {tool: [] for tool in TOOLS}
    with TemporaryDirectory(prefix="drillyard-bench-") as home, running_sshd(Path(home)) as sshd:
        target = {
            "address": "127.0.0.1",
            "port": str(sshd.port),
            "user": sshd.user,
            "key": sshd.key_file,
            "known": sshd.known_hosts,
        }
        for n in range(rounds + 1):
            for tool in TOOLS:
                took = measure(tool, target, f"{home}/{tool}-{n}")
                if n:  # the first round fills caches
                    times[tool].append(took)
    walls = {tool: statistics.median(wall for wall, _ in took) for tool, took in times.items()}
    return [
        {
            "tool": tool,
            "wall": round(walls[tool], 3),
            "fastest": round(min(wall for wall, _ in took), 3),
            "cpu": round(statistics.median(cpu for _, cpu in took), 3),
            "times_the_best": round(walls[tool] / min(walls.values()), 2),
        }
        for tool, took in times.items()
    ]


def main() -> None:
    """Measure, or be one of the measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--as", dest="tool", choices=TOOLS, help=argparse.SUPPRESS)
    parser.add_argument("--target", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.tool:
        TOOLS[chosen.tool](chosen.target, chosen.folder)
        return
    results = compare(chosen.rounds)
    print(f"ten steps on one host, {chosen.rounds} rounds, {os.cpu_count()} cores shared with the sshd")
    print("| tool | wall s (median) | wall s (best) | CPU s | times the fastest |")
    print("|---|---|---|---|---|")
    for row in results:
        print("| {tool} | {wall} | {fastest} | {cpu} | {times_the_best} |".format(**row))
    if chosen.json:
        print(json.dumps({"results": results}))


if __name__ == "__main__":
    main()
