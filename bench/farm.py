"""Hundreds of hosts at once: the agent against a farm of SSH servers in one process, and what it leaves open.

    python bench/farm.py --hosts 300 [--forks 32] [--json]

The servers are asyncssh's (installed into .cache/bench/); every command really runs, in a folder for each
host. Said is whether all were done, how many threads and open files the agent had before and after in the
same process, how many commands ran side by side (never more than --forks), and memory.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.hosts import keys
from bench.peers.tools import CHANGES, python_of
from bench.steps import steps

HERE = Path(__file__).resolve().parent


@contextlib.contextmanager
def farm(folder: Path, count: int) -> Iterator[tuple[list[int], dict[str, int]]]:
    """Run the servers; what they saw is filled in when the block ends."""
    argv = [python_of("asyncssh"), str(HERE / "peers" / "run_farm.py"), str(folder), str(count)]
    seen: dict[str, int] = {}
    with (
        keys(folder),
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
    ):
        assert process.stdin
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline()), seen
        finally:
            process.stdin.close()
            seen.update(json.loads(process.stdout.readline()))


def write(folder: Path, ports: list[int]) -> list[str]:
    """Write page, inventory and known hosts; return the arguments that run the page on all of them."""
    public = " ".join((folder / "host_key.pub").read_text().split()[:2])
    (folder / "known").write_text("".join(f"[127.0.0.1]:{port} {public}\n" for port in ports))
    hosts = {
        f"h{n}": {
            "ansible_host": "127.0.0.1",
            "ansible_port": port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(folder / "user_key"),
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={folder}/known",
            "drillyard_state_dir": str(folder / "state" / str(n)),
        }
        for n, port in enumerate(ports, start=1)
    }
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
    page = {
        "title": "Ten steps",
        "steps": [
            {
                "id": f"step{n}",
                "sh": text.replace("WHERE", f"{folder}/files/{{{{ host.name }}}}"),
                **({"changes": CHANGES[n]} if n in CHANGES else {"reads": True}),
            }
            for n, text in enumerate(steps("WHERE"))
        ],
    }
    (folder / "ten.yml").write_text(json.dumps(page))
    where = ["-i", str(folder / "hosts.yml"), "--runs", str(folder / "runs")]
    return ["run", str(folder / "ten.yml"), *where]


def held() -> tuple[int, int]:
    """How many threads and open files this process has."""
    return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))


def resident() -> float:
    """The most memory this process ever had, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def run_here(arguments: list[str]) -> dict[str, Any]:
    """Run the command line in this process; say what it had open before and after, and its memory."""
    import agent.transport.ssh  # noqa: F401 - so that its own files and threads are there before
    from agent.cli import main as drillyard

    before, small = held(), resident()
    started = time.monotonic()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = drillyard(arguments)
    wall = time.monotonic() - started
    end = time.monotonic() + 5
    # A closed connection's reader thread ends by itself a moment later.
    while held() != before and time.monotonic() < end:
        time.sleep(0.05)
    return {
        "code": code,
        "wall": round(wall, 2),
        "before": before,
        "after": held(),
        "mb": round(resident(), 1),
        "mb_before": round(small, 1),
        "end": said.getvalue().splitlines()[-1:],
    }


def measure(count: int, forks: int) -> dict[str, Any]:
    """Run the ten steps on `count` hosts in a process of its own."""
    with TemporaryDirectory(prefix="drillyard-farm-") as home:
        folder = Path(home)
        with farm(folder, count) as (ports, seen):
            arguments = [*write(folder, ports), "--forks", str(forks)]
            argv = [sys.executable, str(HERE / "farm.py"), "--as", json.dumps(arguments)]
            done = subprocess.run(argv, capture_output=True, text=True, check=True)
        result = json.loads(done.stdout.splitlines()[-1])
        written = len(list(folder.glob("files/*/b")))
        state = folder / "state"
        left = len([*state.glob("*/locks/*"), *state.glob("*/jobs/*")])
    return {"hosts": count, "forks": forks, **result, "written": written, "left": left, "farm": seen}


def verdict(result: dict[str, Any]) -> list[str]:
    """What is not as promised."""
    checks = {
        f"exit code {result['code']}": result["code"] == 0,
        f"{result['written']} of {result['hosts']} hosts done": result["written"] == result["hosts"],
        f"{result['left']} locks or jobs left": result["left"] == 0,
        f"threads and files {result['before']} -> {result['after']}": result["before"] == result["after"],
        f"{result['farm']['most_at_once']} commands at once": result["farm"]["most_at_once"]
        <= result["forks"],
        f"{result['farm']['open']} connections left open": result["farm"]["open"] == 0,
    }
    return [text for text, fine in checks.items() if not fine]


def main() -> int:
    """Measure one host and many, print what was seen, end with 1 where a promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hosts", type=int, default=300)
    parser.add_argument("--forks", type=int, default=32)
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--as", dest="arguments", type=json.loads, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.arguments:
        print(json.dumps(run_here(chosen.arguments)))
        return 0
    one, many = measure(1, chosen.forks), measure(chosen.hosts, chosen.forks)
    each = (many["mb"] - one["mb"]) / max(chosen.hosts - 1, 1)
    for result in (one, many):
        print(
            "{hosts} hosts: {wall} s, {written} done, threads and files {before} -> {after}, "
            "{mb} MB at most".format(**result)
        )
        print(f"  the farm saw {result['farm']}")
    print(f"{each:.2f} MB a host")
    problems = verdict(one) + verdict(many)
    print("\n".join(problems) or "as promised")
    if chosen.json:
        print(json.dumps({"results": [one, many], "mb_a_host": round(each, 3)}))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
