"""What a run was asking when it ended without a word: what is unknown on which host, by its journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.record.journal import read_journal


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


def told(flying: Mapping[tuple[str, str], str]) -> list[str]:
    """Return it as a person is told, a line each."""
    return [f"{host}: {step}: {what}" for (step, host), what in flying.items()]


def unknown_in(path: Path) -> str:
    """Return what is unknown by the journal at `path`, as a sentence."""
    flying = told(in_flight(read_journal(path)))
    return f"In flight, and unknown: {'; '.join(flying)}." if flying else "Nothing was in flight."
