"""The live screen of a terminal: steps and hosts, elapsed against budget, and the RTO counting down below."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import TextIO, TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent.language import Language
from agent.runbook.events import AskEvent, EndEvent, Event, NotifyEvent, RunEvent, StepEvent
from agent.screen.board import BAD, RUNNING, Board
from agent.screen.matrix import MARKS, STYLES, matrix
from agent.screen.plain import PlainScreen, notified
from agent.screen.words import countdown, named, seconds, word

T = TypeVar("T")
_FAILURES_A_STEP = 5
_BELOW = 3


class LiveScreen:
    """One host: finished steps stand as lines, those at work turn below them. Several: steps x hosts."""

    def __init__(self, out: TextIO, language: Language = "en") -> None:
        """Nothing is drawn before the first event."""
        self._console = Console(file=out, highlight=False)
        self._language = language
        self._plain = PlainScreen(out, language)
        self._board = Board()
        self._lock = threading.Lock()
        self._failures: Counter[str] = Counter()
        self._over_budget: set[str] = set()
        self._ending: Callable[[], bool] = lambda: False
        self._spinner = Spinner("dots")
        self._live = Live(
            get_renderable=self.drawn, console=self._console, transient=True, refresh_per_second=8
        )

    def aside(self, ask: Callable[[], T]) -> T:
        """Stand still while a person is asked something at the same terminal."""
        self._live.stop()
        try:
            return ask()
        finally:
            self._live.start()

    def heed(self, ending: Callable[[], bool]) -> None:
        """Say so for as long as the operator wants the run to end."""
        self._ending = ending

    def close(self) -> None:
        """Give the terminal back."""
        self._live.stop()

    def tell(self, event: Event) -> None:
        """Show it: at once where it is a line, with the next refresh where it moves something."""
        # The refreshing thread holds the lock of Live while it waits for ours: never print under ours.
        with self._lock:
            self._board.take(event)
        match event:
            case RunEvent():
                self._head(event)
                self._live.start()
            case StepEvent():
                self._step(event)
            case AskEvent():
                mark = "!" if event.changes else " "
                self._line(f"   {mark} {event.host}: {event.ask}", "dim", clipped=True)
            case NotifyEvent():
                self._line(
                    f"     {notified(event, self._language)}", "" if event.state == "sent" else "yellow"
                )
            case EndEvent():
                self._live.stop()
                if self._many and self._board.rows:
                    self._console.print(matrix(self._board, self._console.width, 10_000, self._language))
                self._plain.tell(event)
            case _:
                pass

    @property
    def _many(self) -> bool:
        return len(self._board.hosts) > 1

    def _head(self, event: RunEvent) -> None:
        resumed = f" ({word('resumed', self._language)})" if event.resumed else ""
        self._line(event.title + resumed, "bold")
        on = f"{event.page} {word('on', self._language)} {named(event.hosts, self._console.width // 2)}"
        self._line(f"{on}: {event.folder}", "dim")

    def _step(self, event: StepEvent) -> None:
        if event.state == "started":
            return
        if event.state == "over budget":
            self._late(event)
        elif event.state == "note":
            self._line(f"     {event.host}: {event.sentence}", "yellow")
        elif not self._many:
            self._finished(event)
        elif event.state in BAD:
            self._fell(event)

    def _late(self, event: StepEvent) -> None:
        """Say that a step is over its budget: of several hosts only for the first, the others turn yellow."""
        if event.step not in self._over_budget:
            said = f"{event.name}: {word('over budget', self._language)} ({seconds(event.budget)})"
            self._line(f"     {event.host}: {said}", "yellow")
        if self._many:
            self._over_budget.add(event.step)

    def _finished(self, event: StepEvent) -> None:
        style = STYLES.get(event.state, "bold red")
        row = self._grid()
        row.add_row(
            Text(MARKS[event.state], style=style),
            Text(self._name(event.name), style="dim" if event.state == "skipped" else ""),
            event.host,
            Text(self._plain.timing(event), style="dim"),
        )
        self._live.console.print(row)
        if event.sentence:
            self._line(f"     {event.sentence}", style)

    def _fell(self, event: StepEvent) -> None:
        """Say why a step failed on a host; when it fails everywhere for one reason, not 64 times."""
        self._failures[event.step] += 1
        if self._failures[event.step] <= _FAILURES_A_STEP:
            why = event.sentence.removeprefix(f"{event.host}: ")
            self._line(f"  ✗ {event.host}: {self._name(event.name)}: {why}", STYLES[event.state])
        elif self._failures[event.step] == _FAILURES_A_STEP + 1:
            self._line(f"  ✗ … {word('more failures', self._language)}", STYLES[event.state])

    def _name(self, name: str) -> str:
        return name or word("connect", self._language)

    def drawn(self) -> Group:
        """Return what stands below the lines right now."""
        with self._lock:
            width, height = self._console.size
            below = Text.assemble(*self._foot(width), no_wrap=True, overflow="ellipsis")
            if self._many:
                return Group(matrix(self._board, width, max(4, height - _BELOW), self._language), below)
            return Group(*self._at_work(), below)

    def _at_work(self) -> list[Table]:
        rows = []
        for step in self._board.rows.values():
            for host, cell in step.cells.items():
                if cell.state != RUNNING:
                    continue
                elapsed = self._board.clock() - cell.since
                late = bool(step.budget) and elapsed > step.budget
                budget = f" {word('of', self._language)} {seconds(step.budget)}" if step.budget else ""
                row = self._grid()
                time = Text(f"{seconds(elapsed)}{budget}", style="bold red" if late else "")
                row.add_row(self._spinner, step.name, host, time)
                rows.append(row)
        return rows

    def _foot(self, width: int) -> list[tuple[str, str]]:
        board = self._board
        parts = [(f"  {word('elapsed', self._language)} {seconds(board.elapsed)}", "bold")]
        if self._ending():
            parts.append((f" · {word('ending', self._language)}", "bold yellow"))
        if board.rto:
            left = board.rto - board.elapsed
            style = "bold red" if left < 0 else "bold yellow" if left < board.rto / 4 else "bold"
            parts.append((f" · {countdown(board.rto, left, self._language)}", style))
        if board.told:
            parts.append((f" · {word('told', self._language)}: {named(board.told, width // 3)}", "dim"))
        return parts

    def _line(self, text: str, style: str = "", *, clipped: bool = False) -> None:
        shown = Text(text, style=style, no_wrap=clipped, overflow="ellipsis" if clipped else "fold")
        self._live.console.print(shown)

    def _grid(self) -> Table:
        """Return the columns of a line: mark, step, host, time; a narrow terminal takes from the step's."""
        time = 22
        host = max(4, min(16, max(map(len, self._board.hosts), default=4)))
        grid = Table.grid(padding=(0, 1))
        for width in (1, max(12, min(44, self._console.width - host - time - 4)), host, time):
            grid.add_column(width=width, no_wrap=True, overflow="ellipsis")
        return grid
