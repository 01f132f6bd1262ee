"""Ctrl-C: once ends the run after the current ask, twice ends it now and says what is unknown."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.secrets import mask

if TYPE_CHECKING:
    from agent.runbook.run import Run

_FIRST = "Ending after what is in flight; press Ctrl-C again to end now.\n"
_SIGNS = (signal.SIGINT, signal.SIGTERM)
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def ended_by_signals(run: Run) -> Iterator[None]:
    """Have SIGINT and SIGTERM end a run meanwhile; outside the main thread none arrives."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, told = os.pipe()
    os.set_blocking(told, False)
    # What was interrupted may hold any lock: the signal leaves a byte, and a thread does what follows.
    former = {each: signal.signal(each, lambda *_: None) for each in _SIGNS}
    woken = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    threading.Thread(target=_heed, args=(heard, run), name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(woken)
        for each, handler in former.items():
            signal.signal(each, handler)
        os.close(told)


def _heed(heard: int, run: Run) -> None:
    asked = False
    with os.fdopen(heard, "rb", buffering=0) as signs:
        while sign := signs.read(1):
            if sign[0] not in _SIGNS:
                continue
            if asked:
                _say(_SHOW_CURSOR * sys.stdout.isatty() + "\n".join(last_words(run)) + "\n")
                os._exit(130)
            asked = True
            _say(_FIRST)
            run.stop.set()


def last_words(run: Run) -> list[str]:
    """Return what to tell of a run that ends at once: what is unknown, what stays locked, how to go on."""
    from agent.record.flight import in_flight, told
    from agent.record.journal import NAME, read_journal

    lines = [f"  {each}" for each in told(in_flight(read_journal(run.folder / NAME)))]
    head = "Ended at once. In flight, and unknown:" if lines else "Ended at once. Nothing was in flight."
    held = [f"{host}: {', '.join(names)}" for host, names in run.hold.locks().items()]
    locked = [f"Still locked: {'; '.join(held)}. The resume releases it; only where nobody will resume:"]
    locks = [*locked, *run.hold.commands()] if held else []
    return [head, *lines, f"Go on with: drillyard resume {run.folder}", *locks]


def _say(text: str) -> None:
    with suppress(OSError):
        os.write(2, mask(text).encode("utf-8", "backslashreplace"))
