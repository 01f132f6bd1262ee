"""How a run ended: its outcome, by the worst of what went wrong, or its checklist."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.errors import ContactLost, DrillyardError, JournalLost, Stopped, TakenOver
from agent.language import say
from agent.record.flight import unknown_in
from agent.record.journal import NAME
from agent.runbook.events import EndEvent, Tick
from agent.runbook.hold import Hold
from agent.runbook.order import Order

_OUTCOMES = {JournalLost: "unknown", ContactLost: "unknown", Stopped: "stopped", DrillyardError: "failed"}


def ended_by(
    failures: Sequence[DrillyardError],
    run: str,
    folder: Path,
    elapsed: float,
    hosts: Mapping[str, str],
    hold: Hold,
) -> EndEvent:
    """Return the end of a run with these failures: the worst one's sentence, and what stays locked."""
    kind = next(kind for kind in _OUTCOMES if any(isinstance(error, kind) for error in failures))
    error = next(error for error in failures if isinstance(error, kind))
    unknown = f" {unknown_in(folder / NAME)}" if kind is JournalLost else ""
    return EndEvent(
        run,
        _OUTCOMES[kind],
        elapsed,
        f"{error}{unknown}",
        exit_code=error.exit_code,
        resume="" if isinstance(error, TakenOver) else shlex.join(["drillyard", "resume", str(folder)]),
        hosts=hosts,
        locks=hold.locks(),
        unlock=hold.commands(),
    )


def ended_well(
    run: str, order: Order, elapsed: float, hosts: Mapping[str, str], ticks: tuple[Tick, ...]
) -> EndEvent:
    """Return the end of a run without a failure, with its checklist."""
    after = tuple(say(item, order.language) for item in order.page.after)
    proved = bool(order.page.prove)
    return EndEvent(run, "done", elapsed, after=after, hosts=hosts, ticks=ticks, proved=proved)
