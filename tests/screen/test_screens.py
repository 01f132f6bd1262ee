"""What a person sees of a run, in both languages."""

import io

import pytest
from rich.console import Console

from agent.runbook.events import AskEvent, EndEvent, NotifyEvent, RtoEvent, RunEvent, StepEvent
from agent.screen.live import LiveScreen
from agent.screen.plain import PlainScreen, pad
from agent.screen.words import seconds

NIGHT = [
    RunEvent("r1", "/runs/r1", "redis_aof", "Redis", ("one",)),
    StepEvent("look", "로그 점검", "one", "started", budget=30),
    StepEvent("look", "로그 점검", "one", "note", sentence="a note"),
    StepEvent("look", "로그 점검", "one", "over budget", elapsed=30, budget=30),
    StepEvent("look", "로그 점검", "one", "done", elapsed=31.4, budget=30),
    StepEvent("cut", "자르기", "one", "skipped"),
    StepEvent("start", "시작", "one", "failed", elapsed=2, sentence="it did not start"),
    EndEvent("r1", "failed", 40, "it did not start", 10, (), "drillyard resume /runs/r1"),
]


@pytest.mark.parametrize("screen", [PlainScreen, LiveScreen])
def test_a_failed_night(screen):
    """Steps with their time against their budget, the failure with its reason, and how to go on."""
    out = io.StringIO()
    shown = screen(out, "ko")
    for event in NIGHT:
        shown.tell(event)
    text = out.getvalue()
    assert "31 s / 30 s" in text
    assert "예상 시간 초과" in text
    assert "건너뜀" in text
    assert "it did not start" in text
    assert "계속하려면: drillyard resume /runs/r1" in text
    assert "a note" in text


def test_quiet_tells_only_what_went_wrong():
    """--quiet leaves the failures and the end."""
    out = io.StringIO()
    shown = PlainScreen(out, quiet=True)
    for event in NIGHT:
        shown.tell(event)
    lines = out.getvalue().splitlines()
    assert not any("31 s" in line for line in lines)
    assert lines[-1].startswith("Go on with")


def test_hangul_takes_two_columns():
    """Columns line up whatever the language."""
    assert len(pad("로그", 10)) == 8
    assert len(pad("log", 10)) == 10


@pytest.mark.parametrize(("value", "text"), [(0.04, "0.0 s"), (75, "75 s"), (725.2, "12 min 05 s")])
def test_seconds(value, text):
    """Lengths of time as a person reads them."""
    assert seconds(value) == text


MANY = [
    RunEvent("r1", "/runs/r1", "web", "Web", tuple(f"web{n}" for n in range(20)), rto=1800),
    *(StepEvent("stop", "Stop", f"web{n}", "started", budget=1) for n in range(20)),
    *(StepEvent("stop", "Stop", f"web{n}", "over budget", budget=1) for n in range(20)),
    *(StepEvent("stop", "Stop", f"web{n}", "failed", elapsed=2, sentence=f"web{n}: no") for n in range(12)),
    *(StepEvent("stop", "Stop", f"web{n}", "done", elapsed=2) for n in range(12, 20)),
    NotifyEvent("lead", "slack", 15, "failed", "HTTP Error 503"),
    NotifyEvent("dba", "", 15, "by hand", "+82 2 000"),
    RtoEvent(1800, 1860, -60),
    EndEvent("r1", "failed", 40, "no", 10),
]


def test_many_hosts_fail_without_flooding_the_screen():
    """The first few reasons and a line for the rest; over budget is said once; the table at the end."""
    out = io.StringIO()
    shown = LiveScreen(out, "en")
    for event in MANY:
        shown.tell(event)
    lines = out.getvalue().splitlines()
    assert sum(line.startswith("  ✗ web") and "Stop: no" in line for line in lines) == 5
    assert sum("fails on more hosts" in line for line in lines) == 1
    assert sum("over its budget" in line for line in lines) == 1
    assert any(line.endswith("8✓ 12✗") for line in lines)
    assert any("lead (slack): was not told: HTTP Error 503" in line for line in lines)


def test_plain_lines_have_the_countdown_and_who_is_to_be_called():
    """--quiet keeps what went wrong: a message that was not sent, a call by hand, an objective missed."""
    out = io.StringIO()
    shown = PlainScreen(out, "ko", quiet=True)
    for event in [*MANY, NotifyEvent("cto", "slack", 30, "sent")]:
        shown.tell(event)
    text = out.getvalue()
    assert "직접 연락할 곳: dba +82 2 000" in text
    assert "RTO 30 min, 60 s 초과" in text
    assert "cto" not in text


def test_each_ask_is_a_line():
    """--verbose: what changes something stands out."""
    out = io.StringIO()
    PlainScreen(out).tell(AskEvent("stop", "one", "systemctl stop redis", "the service"))
    assert out.getvalue() == "     ! one: systemctl stop redis\n"


def test_the_live_screen_says_that_the_run_is_ending():
    """Whatever the signal's own word on stderr, which the screen draws over."""
    shown = LiveScreen(io.StringIO(), "en")
    shown.tell(NIGHT[0])
    shown.heed(lambda: True)
    shown.tell(NIGHT[1])
    try:
        out = io.StringIO()
        Console(file=out, width=120).print(shown.drawn())
        assert "ending after this, Ctrl-C ends now" in out.getvalue()
    finally:
        shown.close()
