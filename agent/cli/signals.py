"""Ctrl-C: once ends the run after the current ask, twice ends it now and says what is unknown."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agent.screen.words import word
from agent.secrets import mask

if TYPE_CHECKING:
    from agent.runbook.run import Run

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
            _say(f"{word('ending now', run.order.language)}\n")
            run.stop.set()


def last_words(run: Run) -> list[str]:
    """Return what to tell of a run that ends at once: what is unknown, what stays locked, how to go on."""
    from agent.record.flight import in_flight, told
    from agent.record.journal import NAME, read_journal

    language = run.order.language
    lines = [f"  {each}" for each in told(in_flight(read_journal(run.folder / NAME)))]
    head = f"{word('ended', language)} {word('in flight' if lines else 'none in flight', language)}"
    held = [f"{host}: {', '.join(names)}" for host, names in run.hold.locks().items()]
    locked = [f"{word('locked', language)}: {'; '.join(held)}. {word('unlock', language)}:"]
    locks = [*locked, *run.hold.commands()] if held else []
    go_on = f"{word('resume', language)}: {shlex.join(['drillyard', 'resume', str(run.folder)])}"
    return [head, *lines, go_on, *locks]


def _say(text: str) -> None:
    with suppress(OSError):
        os.write(2, mask(text).encode("utf-8", "backslashreplace"))
