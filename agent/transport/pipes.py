"""A child process of ours and its three pipes: what the roads that need no network run on."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.transport.order import Ended, Overdue
from agent.transport.output import Sink

GRACE = 10.0
"""Seconds past its limit after which the host, which should have ended the command, is not believed."""
DRAIN = 0.5
"""Seconds of quiet after the exit code while a background child still holds an output open."""
CHUNK = 65536


@dataclass
class _Child:
    """A running process, what is still to be written to it, and who hears it."""

    process: subprocess.Popen[bytes]
    stdin: memoryview
    sinks: dict[int, Sink]


def run_piped(
    argv: tuple[str, ...], stdin: bytes, seconds: float, sinks: tuple[Sink, Sink], kill: Callable[[int], None]
) -> Ended:
    """Run a process in a session of its own, feeding its outputs as they come.

    `kill` is given the process id where it overstays `seconds` and a grace.

    Raises:
        Overdue: it did; `ended` says whether it was gone after `kill`.
        OSError: it could not be started.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    )
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both outputs are pipes")
    heard = {process.stdout.fileno(): sinks[0], process.stderr.fileno(): sinks[1]}
    child = _Child(process, memoryview(stdin), heard)
    try:
        if not _attend(child, started + seconds + GRACE):
            kill(process.pid)
            raise Overdue(ended=_gone(process))
        return Ended(_code(process), time.monotonic() - started)
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _attend(child: _Child, end: float) -> bool:
    """Serve the pipes until the process has ended and been heard out; False where it is past `end`."""
    with selectors.DefaultSelector() as selector:
        for pipe in child.sinks:
            selector.register(pipe, selectors.EVENT_READ)
        if child.process.stdin is not None:
            os.set_blocking(child.process.stdin.fileno(), False)
            selector.register(child.process.stdin.fileno(), selectors.EVENT_WRITE)
        watch = _watch_exit(child.process.pid)
        if watch is not None:
            selector.register(watch, selectors.EVENT_READ)
        try:
            return _serve(child, selector, watch, end)
        finally:
            if watch is not None:
                os.close(watch)


def _serve(child: _Child, selector: selectors.BaseSelector, watch: int | None, end: float) -> bool:
    quiet = 0.0
    open_pipes = set(child.sinks)
    while True:
        ended = child.process.poll() is not None
        now = time.monotonic()
        if ended and (not open_pipes or (quiet and now - quiet > DRAIN)):
            return True
        if now > end:
            return ended
        if ended and watch is not None and watch in selector.get_map():
            selector.unregister(watch)
        if ended and not quiet:
            quiet = now
        pause = DRAIN / 5 if ended else 1.0 if watch is not None and open_pipes else 0.02
        for key, _ in selector.select(pause):
            if key.fd in child.sinks:
                if _read(child, selector, key.fd):
                    quiet = 0.0
                else:
                    open_pipes.discard(key.fd)
            elif key.fd != watch:
                _write(child, selector, key.fd)


def _read(child: _Child, selector: selectors.BaseSelector, pipe: int) -> bool:
    data = os.read(pipe, CHUNK)
    if data:
        child.sinks[pipe](data)
        return True
    selector.unregister(pipe)
    return False


def _write(child: _Child, selector: selectors.BaseSelector, pipe: int) -> None:
    try:
        child.stdin = child.stdin[os.write(pipe, child.stdin[:CHUNK]) :]
    except BlockingIOError:
        return
    except BrokenPipeError:
        child.stdin = child.stdin[:0]  # it does not want to read the rest; its exit code says how it went
    if not child.stdin and child.process.stdin is not None:
        selector.unregister(pipe)
        child.process.stdin.close()


def _watch_exit(pid: int) -> int | None:
    """Return a file that becomes readable when the process ends, where the system has such a thing."""
    opener = getattr(os, "pidfd_open", None)
    if opener is None:
        return None
    try:
        handle: int = opener(pid)
    except OSError:
        return None
    return handle


def _gone(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(2.0)
    except subprocess.TimeoutExpired:
        return False
    return True


def _code(process: subprocess.Popen[bytes]) -> int:
    """Return the exit code as a shell counts it: 128 and the signal for a process killed by one."""
    rc = process.wait()
    return rc if rc >= 0 else 128 - rc


def kill_group(pid: int) -> None:
    """Kill the process group that `run_piped` began, with root's help where it is not ours."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    except PermissionError:
        subprocess.run(
            ["sudo", "-n", "kill", "-KILL", "--", f"-{pid}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
