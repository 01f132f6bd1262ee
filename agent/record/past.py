"""What a journal says happened: read once at a resume, pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.errors import BadJournal
from agent.record.steps import decode
from agent.transport.ask import Answer

ENDED = frozenset({"done", "skipped"})


@dataclass
class StepPast:
    """One step on one host: its last attempt, how that ended ("" = in flight), what it learned."""

    attempt: int = 1
    state: str = ""
    result: Any = None
    changed: bool = False
    elapsed: float = 0.0
    answers: dict[int, tuple[str, Answer]] = field(default_factory=dict)


@dataclass
class RunPast:
    """A run as its journal tells it: the head line, each step on each host, and whether it came to an end.

    `last` is the time of its last line. `notices` are the messages of the escalation ladder that were sent:
    level, contact, channel.
    """

    head: Mapping[str, Any]
    steps: dict[tuple[str, str], StepPast] = field(default_factory=dict)
    outcome: str = ""
    last: str = ""
    notices: set[tuple[float, str, str]] = field(default_factory=set)

    def step(self, step: str, host: str) -> StepPast | None:
        """Return what is known of a step on a host, or None where it never began."""
        return self.steps.get((step, host))


def recall(lines: Iterable[Mapping[str, Any]]) -> RunPast:
    """Return the run that the journal's lines tell of.

    Raises:
        BadJournal: the first line is not the head of a run.
    """
    past: RunPast | None = None
    for line in lines:
        kind = line["kind"]
        if past is None:
            if kind != "run":
                raise BadJournal(f"The journal begins with {kind!r}, expected the head of a run.")
            past = RunPast(head=line)
        past.last = line["at"]
        if kind == "end":
            past.outcome = line["outcome"]
        elif kind == "resumed":
            past.outcome = ""
        elif kind == "step":
            _step(past, line)
        elif kind == "notice" and line["state"] != "failed":
            past.notices.add((line["level"], line["contact"], line["channel"]))
        elif kind == "answer":
            step = past.steps[line["step"], line["host"]]
            step.answers[line["n"]] = (line["digest"], decode(line["answer"]))
    if past is None:
        raise BadJournal("The journal is empty.", do="Start a new run.")
    return past


def _step(past: RunPast, line: Mapping[str, Any]) -> None:
    key = (line["step"], line["host"])
    if line["state"] == "started":
        known = past.steps.get(key)
        # A step that goes on after an interruption keeps its answers; a new attempt begins without any.
        if known is None or known.attempt != line["attempt"]:
            past.steps[key] = StepPast(attempt=line["attempt"])
        return
    step = past.steps.setdefault(key, StepPast(attempt=line.get("attempt", 1)))
    step.state = "" if line["state"] == "unknown" else line["state"]
    step.result = line.get("result")
    step.changed = line.get("changed", False)
    step.elapsed = line.get("elapsed", 0.0)
