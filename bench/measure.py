"""What a whole process costs: wall time, CPU of it and of all it started, and its memory at the highest."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Took:
    """Seconds of wall and CPU, and mebibytes: the largest sum of PSS seen (0 where it was not looked at)."""

    wall: float
    cpu: float
    mb: float


def measure(argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, memory: bool = False) -> Took:
    """Run `argv` to its end and return what it took; memory is sampled only when asked, as looking costs.

    What it leaves behind in the background (a control master) is ended, and its CPU is counted.
    """
    _adopt_orphans()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with (cwd / "output").open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            argv,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        peak = _watch(process) if memory else 0.0
        code = process.wait()
        wall = time.perf_counter() - started
    _end_orphans()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        raise RuntimeError(f"{argv} ended with {code}:\n{(cwd / 'output').read_text()[-3000:]}")
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak)


def _adopt_orphans() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _watch(process: subprocess.Popen[bytes]) -> float:
    peak = 0.0
    pause = threading.Event()
    while process.poll() is None:
        peak = max(peak, held_below(os.getpid()))
        pause.wait(0.02)
    return peak


def held_below(pid: int) -> float:
    """Return the mebibytes (PSS) that everything a process started holds now."""
    return sum(map(_pss, _descendants(pid))) / 1024


def _descendants(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text().split()):
                yield child
                yield from _descendants(child)


def _pss(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _end_orphans() -> None:
    while left := list(_descendants(os.getpid())):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
