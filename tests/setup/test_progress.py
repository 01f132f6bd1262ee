"""What the person who waits is told."""

import io
import sys
import threading

import pytest

from agent.errors import EngineMissing
from setup import progress


@pytest.fixture(autouse=True)
def _own_log(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setattr(progress, "LOG", tmp_path_factory.mktemp("log") / "setup.log")


def test_a_beginning_and_an_end_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal: a line at the start, a line with the seconds at the end."""
    progress.run("Sleeping", [sys.executable, "-c", "print('hello')"])
    first, last = capsys.readouterr().err.splitlines()
    assert first == "setup: Sleeping …"
    assert last.startswith("setup: Sleeping: done in ")
    assert "hello" in progress.LOG.read_text()


def test_a_failure_has_the_last_words(capsys: pytest.CaptureFixture[str]) -> None:
    """The error is of the wanted kind and holds the code and what was said last."""
    with pytest.raises(EngineMissing, match=r"code 7(.|\n)*no space left"):
        progress.run(
            "Making",
            [sys.executable, "-c", "print('no space left'); raise SystemExit(7)"],
            None,
            EngineMissing,
        )
    assert "failed after" in capsys.readouterr().err


def test_a_missing_command_is_named() -> None:
    """Not a traceback."""
    with pytest.raises(EngineMissing, match="drillyard-no-such-command"):
        progress.run("Making", ["drillyard-no-such-command"], None, EngineMissing)


class _Terminal(io.StringIO):
    """A screen that tells when a line on it names two things at once."""

    def __init__(self) -> None:
        super().__init__()
        self.both = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "One … " in text and "Two … " in text:
            self.both.set()
        return super().write(text)


def test_what_is_done_side_by_side_shares_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal two things under way stand on one line, and each has an end of its own."""
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.Doing("One"), progress.Doing("Two"):
        assert screen.both.wait(120)
    assert "setup: Two: done in" in screen.getvalue()
    assert "setup: One: done in" in screen.getvalue()
