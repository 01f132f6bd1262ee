"""The live screen of a terminal: every step with its host, state, and elapsed against budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO, TypeVar

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from agent.language import Language
from agent.runbook.events import EndEvent, Event, RunEvent, StepEvent
from agent.screen.plain import PlainScreen
from agent.screen.words import seconds, word

T = TypeVar("T")
_STYLES = {"done": "green", "failed": "bold red", "skipped": "dim", "unknown": "bold yellow"}
_MARKS = {"done": "✓", "failed": "✗", "skipped": "–", "unknown": "?"}


class LiveScreen:
    """Finished steps stand as lines; those at work turn below them with their time running."""

    def __init__(self, out: TextIO, language: Language = "en") -> None:
        """Nothing is drawn before the first event."""
        self._console = Console(file=out, highlight=False)
        self._language = language
        self._plain = PlainScreen(out, language)
        self._running: dict[tuple[str, str], tuple[StepEvent, float]] = {}
        self._live = Live(get_renderable=self._draw, console=self._console, transient=True)

    def aside(self, ask: Callable[[], T]) -> T:
        """Stand still while a person is asked something at the same terminal."""
        self._live.stop()
        try:
            return ask()
        finally:
            self._live.start()

    def tell(self, event: Event) -> None:
        """Redraw."""
        match event:
            case RunEvent():
                self._console.print(Text(event.title, style="bold"))
                self._console.print(
                    Text(
                        f"{event.page} {word('on', self._language)} {', '.join(event.hosts)}: {event.folder}",
                        style="dim",
                    )
                )
                self._live.start()
            case StepEvent():
                self._step(event)
            case EndEvent():
                self._live.stop()
                self._plain.tell(event)

    def _step(self, event: StepEvent) -> None:
        key = (event.step, event.host)
        if event.state == "started":
            self._running[key] = (event, time.monotonic())
            return
        if event.state in ("note", "over budget"):
            text = event.sentence or f"{event.name}: {word('over budget', self._language)}"
            self._live.console.print(Text(f"     {event.host}: {text}", style="yellow"))
            return
        self._running.pop(key, None)
        row = self._grid()
        style = _STYLES.get(event.state, "bold red")
        row.add_row(
            Text(_MARKS.get(event.state, "✗"), style=style),
            Text(event.name, style="dim" if event.state == "skipped" else ""),
            event.host,
            Text(self._plain.timing(event), style="dim"),
        )
        self._live.console.print(row)
        if event.sentence:
            self._live.console.print(Text(f"     {event.sentence}", style=style))

    def _draw(self) -> Group:
        rows = []
        for event, since in self._running.values():
            row = self._grid()
            elapsed = time.monotonic() - since
            late = bool(event.budget) and elapsed > event.budget
            budget = f" {word('of', self._language)} {seconds(event.budget)}" if event.budget else ""
            row.add_row(
                Spinner("dots"),
                event.name,
                event.host,
                Text(f"{seconds(elapsed)}{budget}", style="bold red" if late else ""),
            )
            rows.append(row)
        return Group(*rows)

    @staticmethod
    def _grid() -> Table:
        grid = Table.grid(padding=(0, 1))
        for width in (2, 44, 12, 24):
            grid.add_column(width=width)
        return grid
