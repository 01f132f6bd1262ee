"""Steps x hosts as a table that fits the terminal: times for few hosts, marks for many, else counts."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.text import Text

from agent.language import Language
from agent.screen.board import BAD, RUNNING, Board, Cell, Row
from agent.screen.words import named, seconds, word

MARKS = {
    "done": "✓",
    "failed": "✗",
    "skipped": "–",
    "unknown": "?",
    "unreachable": "✗",
    "started": "▸",
    "stopped": "‖",
}
STYLES = {"done": "green", "failed": "bold red", "skipped": "dim", "unknown": "bold yellow"}
STYLES |= {"unreachable": "bold red", "started": "cyan", "stopped": "yellow"}
_NAME = 24
_NAME_AT_MOST = 44
_TIME = 9
_COUNTS = 16


def matrix(board: Board, width: int, height: int, language: Language) -> Group:
    """Return the newest rows that fit into `height` lines, the hosts' names above where there is room."""
    hosts = board.hosts
    column = max(_TIME, min(12, max(map(cell_len, hosts), default=0))) + 1
    room = width - 1
    if _NAME + len(hosts) * column <= room:
        name = min(_NAME_AT_MOST, room - len(hosts) * column)
        lines = [_heads(hosts, name, column)]
        lines += [_timed(row, board, name, column) for row in board.rows.values()]
        return _fitting(lines, 1, height, language)
    dense = _NAME + 1 + len(hosts) + 1 + _COUNTS <= room
    name = min(_NAME_AT_MOST, room - _COUNTS - 2 - (len(hosts) if dense else 0))
    lines = []
    for row in board.rows.values():
        lines.append(_counted(row, hosts if dense else (), max(8, name)))
        if row.bad():
            lines.append(Text(f"  ✗ {named(row.bad(), room - 4)}", style="bold red", no_wrap=True))
    return _fitting(lines, 0, height, language)


def _fitting(lines: list[Text], heads: int, height: int, language: Language) -> Group:
    spare = len(lines) - max(heads + 1, height)
    if spare > 0:
        above = Text(f"  … {spare + 1} {word('above', language)}", style="dim")
        lines = [*lines[:heads], above, *lines[heads + spare + 1 :]]
    for line in lines:
        line.overflow, line.no_wrap = "ellipsis", True
    return Group(*lines)


def _heads(hosts: Sequence[str], name: int, column: int) -> Text:
    text = Text(" " * name)
    for host in hosts:
        text.append(_cut(host, column - 1) + " ", style="bold")
    return text


def _timed(row: Row, board: Board, name: int, column: int) -> Text:
    text = _name_of(row, name)
    for host in board.hosts:
        cell = row.cells.get(host)
        said = "·" if cell is None else f"{MARKS[cell.state]} {_time(cell, board)}"
        text.append(_cut(said, column - 1) + " ", style=_style(cell, row, board))
    return text


def _counted(row: Row, hosts: Sequence[str], name: int) -> Text:
    text = _name_of(row, name)
    for host in hosts:
        cell = row.cells.get(host)
        text.append(MARKS[cell.state] if cell else "·", style=STYLES[cell.state] if cell else "dim")
    counts = row.counts()
    for state in ("done", "started", "stopped", "skipped", *BAD):
        if counts[state]:
            text.append(f" {counts[state]}{MARKS[state]}", style=STYLES[state])
    return text


def _name_of(row: Row, width: int) -> Text:
    quiet = all(cell.state == "skipped" for cell in row.cells.values())
    return Text(_cut(row.name, width - 1) + " ", style="dim" if quiet else "")


def _time(cell: Cell, board: Board) -> str:
    if cell.state == "skipped":
        return ""
    return seconds(board.clock() - cell.since if cell.state == RUNNING else cell.elapsed)


def _style(cell: Cell | None, row: Row, board: Board) -> str:
    if cell is None:
        return "dim"
    late = cell.late or (
        cell.state == RUNNING and bool(row.budget) and board.clock() - cell.since > row.budget
    )
    return "bold yellow" if late and cell.state not in BAD else STYLES[cell.state]


def _cut(text: str, width: int) -> str:
    """Return `text` in exactly so many columns, where Hangul takes two each; what is cut off shows as …."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)
