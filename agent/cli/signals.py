"""Ctrl-C: once ends the run after the current ask, twice ends it now and says what is unknown."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from agent.secrets import mask

if TYPE_CHECKING:
    from agent.runbook.run import Run

_FIRST = "Ending after what is in flight; press Ctrl-C again to end now.\n"
_SHOW_CURSOR = "\x1b[?25h"


def end_by_signals(run: Run) -> None:
    """Have SIGINT and SIGTERM end a run; outside the main thread, where no signal arrives, do nothing."""
    asked = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        # Whatever was interrupted may hold a lock or half a line of a stream: only the bare call is safe.
        if asked:
            _say(_SHOW_CURSOR * sys.stdout.isatty() + "\n".join(last_words(run.folder)) + "\n")
            os._exit(130)
        asked = True
        _say(_FIRST)
        run.stop.set()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)


def last_words(folder: Path) -> list[str]:
    """Return what to tell of a run that ends at once: what is unknown on which host, and how to go on."""
    from agent.record.journal import NAME, read_journal

    flying = in_flight(read_journal(folder / NAME))
    lines = [f"  {host}: {step}: {what}" for (step, host), what in flying.items()]
    head = "Ended at once. In flight, and unknown:" if lines else "Ended at once. Nothing was in flight."
    return [head, *lines, f"Go on with: drillyard resume {folder}"]


def in_flight(lines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Return for each step and host at work what it is about: the change asked for and not yet answered."""
    flying: dict[tuple[str, str], str] = {}
    for line in lines:
        if line["kind"] not in ("step", "ask", "answer"):
            continue
        key = (line["step"], line["host"])
        if line["kind"] == "step":
            flying.pop(key, None)
        if line["kind"] == "ask":
            flying[key] = f"{line['changes']} ({line['ask']})"
        elif line["kind"] == "answer" or line.get("state") == "started":
            flying[key] = "it was looking; nothing is being changed"
    return flying


def _say(text: str) -> None:
    os.write(2, mask(text).encode("utf-8", "backslashreplace"))
