"""What the program says of a secret: versions by their ids, never a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Held:
    """What a secret holds: its present version, the one kept ("" = none), whether it says as asked."""

    secret: str
    current: str
    kept: str
    same: bool


@dataclass(frozen=True)
class Switched:
    """What became of a secret's value `name`; `kept` is the version that holds what was before.

    `changed` is False where it said so already.
    """

    secret: str
    name: str
    changed: bool
    kept: str
