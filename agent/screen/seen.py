"""A screen that somebody reads, until nobody does: a run does not end because `head` has seen enough."""

from __future__ import annotations

import contextlib
import os
import sys

from agent.runbook.events import Event, Listener


class Seen:
    """Passes events on for as long as they can be written; `gone` tells that nobody can read them any more.

    The reader ended, the file's disk is full, the terminal was closed: none of it is the recovery's affair.
    """

    def __init__(self, listener: Listener) -> None:
        """Pass them on to `listener`."""
        self._listener = listener
        self.gone = False

    def tell(self, event: Event) -> None:
        """Pass an event on, or drop it."""
        if self.gone:
            return
        try:
            self._listener.tell(event)
        except OSError as problem:
            self.gone = True
            if not isinstance(problem, BrokenPipeError):
                with contextlib.suppress(OSError):
                    sys.stderr.write(
                        f"drillyard: what is shown cannot be written any more ({problem.strerror}). "
                        "The run goes on, and its journal has all of it.\n"
                    )
            say_no_more()


def say_no_more() -> None:
    """Lead standard output nowhere: what stands in its buffer would fail once more at the process's end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
