"""What a journal says happened: read once at a resume."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import BadJournal
from agent.record.steps import decode
from agent.transport.ask import Answer

ENDED = frozenset({"done", "skipped"})


@dataclass
class StepPast:
    """One step on one host: its last attempt, how that ended ("" = in flight), what it learned.

    `before` is the last attempt of those that do not count any more: the run had come to its end with them,
    or they were undone. `final` says that a failure was the step's last word, `error` and `kind` what it was.
    """

    attempt: int = 1
    state: str = ""
    before: int = 0
    final: bool = False
    error: str = ""
    kind: str = ""
    result: Any = None
    changed: bool = False
    elapsed: float = 0.0
    answers: dict[int, tuple[str, Answer]] = field(default_factory=dict)


@dataclass
class RunPast:
    """A run as its journal tells it: the head line, each step on each host, and whether it came to an end.

    `last` is the time of its last line, `lives` the names of its lives so far, and `life` the first line of
    the newest. `notices` are the messages of the escalation ladder that were sent: level, contact, channel.
    `undoing` is what is still to be taken back, of each host the steps in their order (empty where it was,
    and the run has not come to its end yet); `why` is the line that began it.
    """

    head: Mapping[str, Any]
    steps: dict[tuple[str, str], StepPast] = field(default_factory=dict)
    outcome: str = ""
    last: str = ""
    lives: set[str] = field(default_factory=set)
    life: Mapping[str, Any] = field(default_factory=dict)
    notices: set[tuple[float, str, str]] = field(default_factory=set)
    undoing: dict[str, list[str]] = field(default_factory=dict)
    why: Mapping[str, Any] = field(default_factory=dict)

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
        if kind in ("run", "resumed"):
            past.life = line
            past.lives |= {line["life"]} if "life" in line else set()
        if kind == "end":
            _end(past, line["outcome"])
        elif kind == "resumed":
            past.outcome = ""
        elif kind == "step":
            _step(past, line)
        elif kind == "undoing":
            past.undoing, past.why = dict(line["hosts"]), line
        elif kind == "taken back":
            past.undoing[line["host"]] = []
        elif kind == "notice" and line["state"] != "failed":
            past.notices.add((line["level"], line["contact"], line["channel"]))
        elif kind == "answer":
            step = past.steps[line["step"], line["host"]]
            step.answers[line["n"]] = (line["digest"], decode(line["answer"]))
    if past is None:
        raise BadJournal("The journal is empty.", do="Start a new run.")
    return past


def ended_as(path: Path) -> str:
    """Return the outcome that the run with the journal at `path` came to, or "" where it has come to none."""
    for line in reversed(path.read_bytes().split(b"\n")[:-1]):
        try:
            said = json.loads(line)
        except ValueError:
            return ""
        if said["kind"] in ("end", "resumed", "run"):
            return str(said.get("outcome", ""))
    return ""


def _end(past: RunPast, outcome: str) -> None:
    """Where a run ended as failed, a resume tries anew what failed; cut off, it goes on to that end first."""
    past.outcome = outcome
    past.undoing = {host: steps for host, steps in past.undoing.items() if steps}
    if outcome != "failed" or past.undoing:
        return
    for step in past.steps.values():
        if step.state == "failed":
            step.final, step.before = False, step.attempt
        elif step.state == "undone":
            step.result = None


def _step(past: RunPast, line: Mapping[str, Any]) -> None:
    key = (line["step"], line["host"])
    if line["state"] == "started":
        known = past.steps.get(key)
        # A step that goes on after an interruption keeps its answers; a new attempt begins without any.
        if known is None or known.attempt != line["attempt"]:
            past.steps[key] = StepPast(attempt=line["attempt"], before=known.before if known else 0)
        return
    step = past.steps.setdefault(key, StepPast(attempt=line.get("attempt", 1)))
    step.state = "" if line["state"] == "unknown" else line["state"]
    if step.state in ("undone", "rescued"):
        step.before = step.attempt
        return
    step.final = line.get("final", False)
    step.error, step.kind = line.get("error", ""), line.get("kind_of_error", "")
    step.result = line.get("result")
    step.changed = line.get("changed", False)
    step.elapsed = line.get("elapsed", 0.0)
