"""Steps x hosts stay readable from 2 hosts to hundreds, in both languages, at any width."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from agent.runbook.events import EndEvent, NotifyEvent, RtoEvent, RunEvent, StepEvent
from agent.screen.board import Board
from agent.screen.matrix import matrix
from agent.screen.words import countdown, named


def a_board(count: int, bad: tuple[int, ...] = ()) -> Board:
    """So many hosts, one step done on all but the bad ones, a second at work on those that are left."""
    board = Board(clock=lambda: 100.0)
    hosts = tuple(f"web{n:02d}" for n in range(count))
    board.take(RunEvent("r", "/runs/r", "page", "Page", hosts, rto=1800, elapsed=60))
    for n, host in enumerate(hosts):
        board.take(StepEvent("stop", "서비스를 중지하고 기다림", host, "started", budget=10))
        state = "failed" if n in bad else "done"
        board.take(StepEvent("stop", "서비스를 중지하고 기다림", host, state, elapsed=1.5, budget=10))
    for n, host in enumerate(hosts):
        if n not in bad:
            board.take(StepEvent("start", "Start the service again", host, "started"))
    return board


def drawn(board: Board, width: int, height: int = 40) -> list[str]:
    """The lines as the terminal shows them."""
    out = io.StringIO()
    Console(width=width, file=out).print(matrix(board, width, height, "en"))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("width", [50, 80, 130, 250])
@pytest.mark.parametrize("count", [2, 5, 16, 64, 300])
def test_no_line_is_wider_than_the_terminal(width, count):
    """Hangul counted as two columns each; one line a step, one more where hosts failed."""
    lines = drawn(a_board(count, bad=(1,)), width)
    assert all(cell_len(line) < width for line in lines)
    assert len(lines) <= 4
    assert sum("서비스" in line for line in lines) == 1


def test_a_few_hosts_have_their_times():
    """Names above, a mark and a time each."""
    heads, stop, start = drawn(a_board(3, bad=(1,)), 130)
    assert heads.split() == ["web00", "web01", "web02"]
    assert stop.split()[-9:] == ["✓", "1.5", "s", "✗", "1.5", "s", "✓", "1.5", "s"]
    assert start.count("▸") == 2
    assert start.count("·") == 1


def test_many_hosts_have_a_mark_each_and_counts():
    """64 at 130 columns: every cell, the counts by state, the names of those that failed."""
    stop, names, start = drawn(a_board(64, bad=(3, 40)), 130)
    assert "✓✓✓✗✓" in stop
    assert stop.endswith("62✓ 2✗")
    assert names == "  ✗ web03, web40"
    assert start.endswith("62▸")


def test_too_many_hosts_are_counted():
    """300 at 80 columns: counts, and as many names of those that failed as fit."""
    stop, names, _ = drawn(a_board(300, bad=tuple(range(50))), 80)
    assert stop.endswith("250✓ 50✗")
    assert names.startswith("  ✗ web00, web01")
    assert names.endswith("… (50)")


def test_a_low_terminal_shows_the_newest_steps():
    """What does not fit is counted in a line, the step at work is always seen."""
    board = a_board(3)
    for n in range(30):
        board.take(StepEvent(f"s{n}", f"Step {n}", "web00", "done", elapsed=1))
    lines = drawn(board, 130, height=10)
    assert len(lines) == 10
    assert "web00" in lines[0]
    assert "24 lines more above" in lines[1]
    assert "Step 29" in lines[-1]


def test_what_was_at_work_when_the_run_ended():
    """It is neither done nor running any more."""
    board = a_board(3)
    board.take(EndEvent("r", "stopped", 3.0))
    assert board.rows["start"].counts() == {"stopped": 3}


def test_the_time_that_is_gone_is_the_runs():
    """A resumed run goes on counting; the countdown's events correct the screen's own clock."""
    board = a_board(2)
    assert board.elapsed == 60
    board.take(RtoEvent(1800, 90, 1710))
    assert board.elapsed == 90
    board.take(NotifyEvent("lead", "slack", 15, "sent"))
    board.take(NotifyEvent("cto", "mail", 30, "failed"))
    assert board.told == ["lead"]


def test_words_for_times_and_names():
    """The countdown says when it is missed; names that do not fit are counted."""
    assert countdown(1800, 725, "en") == "RTO 30 min, 12 min 05 s left"
    assert countdown(1800, -75, "ko") == "RTO 30 min, 75 s 초과"
    assert named(["a", "b"], 10) == "a, b"
    assert named([f"web{n}" for n in range(64)], 20) == "web0, web1, … (64)"
