"""A screen that somebody reads, until nobody does: a run does not end because `head` has seen enough."""

from __future__ import annotations

import contextlib
import os
import sys

from agent.runbook.events import Event, Listener


class Seen:
    """Passes events on for as long as they can be written; `gone` tells that the reader went away."""

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
        except BrokenPipeError:
            self.gone = True
            # What stands in the buffer still would fail once more at the end of the process.
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
