"""Cut, freeze and slow the network at every packet of a run in turn, take the run up, see what is left of it.

    python bench/network_sweep.py [--faults cut,frozen,slow] [--every 1] [--workers 8]

The agent runs twelve steps on a real sshd through a relay of ours, which strikes when the N-th piece of
data goes either way (so that an ask, or its answer, is lost), and once in the middle of a long step. A case
is good where the run, or after the line was mended `drillyard resume`, ends with 0, whatever went wrong in
between was told in a sentence of ours, and every appended line is there exactly once, and no lock is left;
nor a job's file, unless the line broke while the files of a run that was done were being removed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.relay import Relay
from tests.sshd import Sshd, running_sshd

ROOT = Path(__file__).resolve().parent.parent
LONG = 7
TOLD = {0, 10, 11, 12, 30, 31, 32, 33, 34}
"""The exit codes a broken line may lead to; a defect (70) or a traceback (1) is none of them."""


def steps(log: Path) -> list[dict[str, object]]:
    """Twelve steps: lines that must not be written twice, looks between them, and a long one."""
    made: list[dict[str, object]] = []
    for n in range(1, 13):
        if n in (3, 6, 9, 12):
            made.append({"id": f"s{n}", "sh": f"wc -l < {log}", "reads": True})
        elif n == LONG:
            text = f"echo begun >> {log}; sleep 2; echo {n} >> {log}"
            made.append({"id": f"s{n}", "sh": text, "changes": "two lines"})
        else:
            made.append({"id": f"s{n}", "sh": f"echo {n} >> {log}; cat {log}", "changes": "a line"})
    return made


LEFT = ["1", "2", "4", "5", "begun", "7", "8", "10", "11"]


@dataclass
class Case:
    """One run with one fault: at the `at`-th piece of data, or (0) in the middle of the long step."""

    fault: str
    at: int
    sshd: Sshd
    folder: Path
    seen: int = 0
    struck: bool = False
    relay: Relay | None = None

    def go(self) -> tuple[str, str]:
        """Run, mend, resume; return how the first run ended, and what went wrong or nothing."""
        with Relay(("127.0.0.1", self.sshd.port), watch=self._piece) as self.relay:
            arguments = self._written(self.relay.port)
            watcher = threading.Thread(target=self._in_the_middle)
            if self.at == 0 and self.fault:
                watcher.start()
            code, said = agent(arguments)
            first = f"{code}" if self.struck else "0, not struck"
            problem = self._untold(code, said)
            if not problem and code:
                problem = self._taken_up()
            if watcher.ident:
                watcher.join()
        return first, problem or self._amiss(tidy=bool(code) or not self.struck)

    def _written(self, port: int) -> list[str]:
        public = (self.sshd.folder / "host_key.pub").read_text().split()[:2]
        (self.folder / "known").write_text(f"[127.0.0.1]:{port} {' '.join(public)}\n")
        host = {
            "ansible_host": "127.0.0.1",
            "ansible_port": port,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": self.sshd.key_file,
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={self.folder}/known",
            "drillyard_state_dir": f"{self.folder}/state",
        }
        (self.folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"one": host}}}))
        page = {"title": "Twelve steps", "steps": steps(self.folder / "log")}
        (self.folder / "page.yml").write_text(json.dumps(page))
        where = ["-i", str(self.folder / "hosts.yml"), "--runs", str(self.folder / "runs")]
        return ["run", str(self.folder / "page.yml"), *where]

    def _piece(self, _way: str, _data: bytes) -> None:
        self.seen += 1
        if self.seen == self.at and not self.struck:
            self._strike()

    def _in_the_middle(self) -> None:
        end = time.monotonic() + 60
        log = self.folder / "log"
        while time.monotonic() < end and not (log.exists() and "begun" in log.read_text()):
            time.sleep(0.02)
        self._strike()

    def _strike(self) -> None:
        assert self.relay is not None
        self.struck = True
        match self.fault:
            case "cut":
                self.relay.cut()
            case "frozen":
                self.relay.frozen = True
            case "slow":
                self.relay.delay = 0.25

    def _untold(self, code: int, said: str) -> str:
        if code not in TOLD or "Traceback" in said or "defect" in said:
            return f"ended with {code}: {said[-600:]}"
        return ""

    def _taken_up(self) -> str:
        assert self.relay is not None
        self.relay.frozen = False
        self.relay.delay = 0.0
        code, said = agent(["resume", "latest", "--runs", str(self.folder / "runs")])
        return f"resume ended with {code}: {said[-600:]}" if code else ""

    def _amiss(self, *, tidy: bool) -> str:
        written = (self.folder / "log").read_text().split()
        state = self.folder / "state"
        if written != LEFT:
            return f"the log has {written}"
        jobs = state.glob("jobs/*") if tidy else ()
        if left := [str(path) for path in [*state.glob("locks/*"), *jobs]]:
            return f"left behind: {left}"
        return ""


def agent(arguments: list[str]) -> tuple[int, str]:
    """Run the command line as a process; return its exit code and all it said."""
    argv = [sys.executable, "-m", "agent", *arguments]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout + done.stderr


def sweep(faults: list[str], every: int, workers: int, say: Callable[[str], None]) -> bool:
    """Sweep every fault over all pieces; say how each ended; tell whether all were good."""
    with TemporaryDirectory(prefix="drillyard-net-") as home, running_sshd(Path(home)) as sshd:

        def case(fault: str, at: int) -> Case:
            folder = Path(home) / f"{fault or 'peace'}-{at}"
            folder.mkdir()
            return Case(fault, at, sshd, folder)

        peace = case("", 0)
        if (problem := peace.go()[1]) or not peace.seen:
            raise SystemExit(f"the run does not even end well in peace: {problem}")
        say(f"in peace: {peace.seen} pieces of data")
        fine = True
        for fault in faults:
            cases = [case(fault, at) for at in (0, *range(1, peace.seen + 1, every))]
            with ThreadPoolExecutor(workers) as pool:
                ended = list(pool.map(Case.go, cases))
            for each, (first, problem) in zip(cases, ended, strict=True):
                if problem:
                    say(f"{fault} at {each.at or 'the long step'}: first {first}; {problem}")
            good = sum(not problem for _, problem in ended)
            codes = ", ".join(
                f"{count}x {code}" for code, count in sorted(Counter(f for f, _ in ended).items())
            )
            say(f"{fault}: good {good}/{len(ended)}; the first run ended with {codes}")
            fine = fine and good == len(ended)
    return fine


def main() -> int:
    """Sweep and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", default="cut,frozen,slow")
    parser.add_argument("--every", type=int, default=1, help="only every so many pieces of data")
    parser.add_argument("--workers", type=int, default=8)
    chosen = parser.parse_args()
    return 0 if sweep(chosen.faults.split(","), chosen.every, chosen.workers, print) else 1


if __name__ == "__main__":
    sys.exit(main())
