"""The nights of one run of pytest side by side: a line each with RTO, RPO and what the ledger says; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

COLUMNS = {
    "night": "night",
    "verdict": "verdict",
    "rto_seconds": "RTO s",
    "rpo_seconds": "RPO s",
    "acknowledged": "acknowledged",
    "lost": "lost",
    "changed": "changed",
}
"""What is shown of a night's properties, and under which head."""


def table(nights: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """Return the lines; what a night could not measure is a dash, never a zero."""
    lines = [
        tuple(COLUMNS.values()),
        *(tuple(_cell(night.get(name)) for name in COLUMNS) for night in nights),
    ]
    widths = [max(len(line[at]) for line in lines) for at in range(len(COLUMNS))]
    return tuple("  ".join(_placed(line, widths)).rstrip() for line in lines)


def simulated(nights: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """Return a line for each thing that was a stand-in in some of the nights, with the number of them."""
    said = Counter(str(night["simulated"]) for night in nights if night.get("simulated"))
    return tuple(f"SIMULATED in {count} of {len(nights)} nights: {what}" for what, count in said.items())


def _placed(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    # Names to the left, figures to the right.
    sides = (str.ljust, str.ljust, *[str.rjust] * (len(widths) - 2))
    return [side(cell, width) for side, cell, width in zip(sides, line, widths, strict=True)]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) else str(value)
