"""What a screen knows of a run so far: every step on every host, and the time that is gone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.runbook.events import EndEvent, Event, NotifyEvent, RtoEvent, RunEvent, StepEvent

RUNNING = "started"
BAD = ("failed", "unknown", "unreachable")


@dataclass
class Cell:
    """One step on one host: its state, when it began on this screen's clock, how long it took.

    `state` is that of its last event, or `stopped` where the run ended within it.
    """

    state: str
    since: float
    elapsed: float = 0.0
    late: bool = False


@dataclass
class Row:
    """One step on all its hosts, in the order they came to it."""

    step: str
    name: str
    budget: float
    cells: dict[str, Cell] = field(default_factory=dict)

    def counts(self) -> Counter[str]:
        """Return how many hosts are in which state."""
        return Counter(cell.state for cell in self.cells.values())

    def bad(self) -> list[str]:
        """Return the hosts on which it went wrong."""
        return [host for host, cell in self.cells.items() if cell.state in BAD]


class Board:
    """The rows so far, in the order in which the steps began; not safe for threads by itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known yet."""
        self.clock = clock
        self.hosts: tuple[str, ...] = ()
        self.rows: dict[str, Row] = {}
        self.rto = 0.0
        self.told: list[str] = []
        self._began = clock()

    @property
    def elapsed(self) -> float:
        """The seconds since the run's first start."""
        return self.clock() - self._began

    def take(self, event: Event) -> None:
        """Remember what an event says."""
        match event:
            case RunEvent():
                self.hosts, self.rto = event.hosts, event.rto
                self._began = self.clock() - event.elapsed
            case RtoEvent():
                self.rto, self._began = event.rto, self.clock() - event.elapsed
            case StepEvent():
                self._step(event)
            case EndEvent():
                self._end("unknown" if event.outcome == "unknown" else "stopped")
            case NotifyEvent(state="sent", contact=who) if who not in self.told:
                self.told.append(who)
            case _:
                pass

    def _end(self, state: str) -> None:
        for row in self.rows.values():
            for cell in row.cells.values():
                if cell.state == RUNNING:
                    cell.state, cell.elapsed = state, self.clock() - cell.since

    def _step(self, event: StepEvent) -> None:
        row = self.rows.setdefault(event.step, Row(event.step, event.name, event.budget))
        known = row.cells.get(event.host)
        match event.state:
            case "note":
                return
            case "over budget":
                if known:
                    known.late = True
            case "started":
                # A step that is tried again goes on counting from its first try.
                again = known is not None and known.state == RUNNING
                row.cells[event.host] = known if known and again else Cell("started", self.clock())
            case state:
                late = bool(event.budget) and event.elapsed > event.budget
                row.cells[event.host] = Cell(state, self.clock(), event.elapsed, late)
