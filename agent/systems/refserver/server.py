"""RefServer as the inventory describes it: where rows, vectors and files rest, and what belongs together."""

from __future__ import annotations

from dataclasses import dataclass

from agent.at_rest.model import AtRest


@dataclass(frozen=True)
class Refserver(AtRest):
    """All three: rows, vectors, files."""
