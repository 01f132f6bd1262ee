"""One JSON object a line and event: for programs, the drills among them."""

from __future__ import annotations

import json
from typing import TextIO

from agent.record.journal import without_secrets
from agent.runbook.events import Event, UnlockEvent, as_data
from agent.secrets import mask

_OURS = frozenset(
    (
        *("run", "folder", "page", "hosts", "step", "host", "state", "event", "contact", "channel"),
        *("outcome", "resume", "audit", "locks", "unlock", "lock", "who", "since"),
    )
)
"""Fields that name something of ours, and quote nobody."""


class JsonLines:
    """Writes every event as it comes, flushed."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        self._out = out
        # In another encoding what it lacks would be written as no JSON reader has it.
        self._plain = (out.encoding or "utf-8").lower().replace("-", "") != "utf8"

    def tell(self, event: Event | UnlockEvent) -> None:
        """Write one line."""
        line = as_data(event)
        text = json.dumps(line, ensure_ascii=self._plain)
        if mask(text) != text:
            text = json.dumps(without_secrets(line, _OURS), ensure_ascii=self._plain)
        self._out.write(text + "\n")
        self._out.flush()
