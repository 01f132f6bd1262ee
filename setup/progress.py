"""What the person at the screen sees while something takes long: a line, its elapsed time, its end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from agent.errors import DrillyardError

LOG = Path(__file__).parents[1] / ".cache/setup.log"
_BEAT = {True: 0.5, False: 10.0}  # seconds between two signs of life, on a terminal and elsewhere
_WIDE = 110
_under_way: list[Doing] = []  # in the order in which they began; on a terminal they share one line
_lock = threading.Lock()


def say(line: str) -> None:
    """Write one line for the person who waits."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Doing:
    """One long thing: said at its start, alive while it lasts, its seconds at its end."""

    def __init__(self, what: str) -> None:
        """`what` is a phrase such as `Installing the Python packages`."""
        self.what = what
        self.last = ""
        self._began = time.monotonic()
        self._over = threading.Event()
        self._live = sys.stderr.isatty()
        self._beats = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        with _lock:
            _under_way.append(self)
        if not self._live:
            say(f"setup: {self.what} …")
        self._beats.start()
        return self

    def heard(self, line: str) -> None:
        """Remember what was last said, to be shown with the elapsed time."""
        if line.strip():
            self.last = line.strip()

    def _beat(self) -> None:
        while not self._over.wait(_BEAT[self._live]):
            if not self._live:
                say(f"setup: {self.so_far()}  {self.last[:80]}")
                continue
            with _lock:
                all_of_them = "  |  ".join(each.so_far() for each in _under_way)
                last = f"  {self.last}" if len(_under_way) == 1 else ""
                sys.stderr.write(f"\r\x1b[K{f'setup: {all_of_them}{last}'[:_WIDE]}")
                sys.stderr.flush()

    def so_far(self) -> str:
        """Return what is done and for how long by now."""
        return f"{self.what} … {time.monotonic() - self._began:.0f} s"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._beats.join()
        with _lock:
            _under_way.remove(self)
            if self._live:
                sys.stderr.write("\r\x1b[K")
        outcome = "failed after" if kind else "done in"
        say(f"setup: {self.what}: {outcome} {time.monotonic() - self._began:.1f} s")


def run(
    what: str,
    argv: Sequence[str],
    env: Mapping[str, str] | None = None,
    failed: Callable[[str], DrillyardError] = DrillyardError,
) -> None:
    """Run a long command under `what`; its output goes to the log, its last line to the screen.

    Raises:
        what `failed` makes of a sentence: it ended with a code, or is not there. The sentence holds its
        last lines.
    """
    LOG.parent.mkdir(exist_ok=True)
    with Doing(what) as doing, LOG.open("a") as log:
        log.write(f"\n$ {' '.join(argv)}\n")
        kept: list[str] = []
        try:
            with _started(argv, env) as process:
                assert process.stdout is not None
                for line in process.stdout:
                    log.write(line)
                    doing.heard(line)
                    kept = [*kept[-7:], line.rstrip()]
        except FileNotFoundError:
            raise failed(f"{what}: the command {argv[0]} is not there.") from None
        if process.returncode:
            tail = "\n    ".join(kept)
            raise failed(f"{what}: {argv[0]} ended with code {process.returncode}. It said:\n    {tail}\n")


@contextmanager
def _started(argv: Sequence[str], env: Mapping[str, str] | None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        list(argv),
        env=dict(env) if env is not None else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
