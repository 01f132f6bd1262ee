"""How far a restore is, as the journal of its run tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import DrillyardError
from agent.record.journal import NAME, read_journal


@dataclass(frozen=True)
class StepSeen:
    """One step of the page: its id, its state now, and since when (UTC)."""

    step: str
    state: str
    at: str


def steps_of(folder: Path) -> tuple[StepSeen, ...]:
    """Return the steps that have begun, in that order; none where there is no journal that can be read."""
    found: dict[str, dict[str, Any]] = {}
    try:
        for line in read_journal(folder / NAME):
            if line["kind"] == "step":
                found[line["step"]] = dict(line)
    except DrillyardError:
        return ()
    return tuple(StepSeen(step, line["state"], line["at"]) for step, line in found.items())
