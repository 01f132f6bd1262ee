"""One JSON object a line and event: for programs, the drills among them."""

from __future__ import annotations

import json
from typing import TextIO

from agent.runbook.events import Event, UnlockEvent, as_data
from agent.secrets import mask


class JsonLines:
    """Writes every event as it comes, flushed."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        self._out = out
        # In another encoding what it lacks would be written as no JSON reader has it.
        self._plain = (out.encoding or "utf-8").lower().replace("-", "") != "utf8"

    def tell(self, event: Event | UnlockEvent) -> None:
        """Write one line."""
        self._out.write(mask(json.dumps(as_data(event), ensure_ascii=self._plain)) + "\n")
        self._out.flush()
