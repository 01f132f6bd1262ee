"""Which screen a run is shown on, and how a person is asked there."""

from __future__ import annotations

import atexit
import os
import sys
from argparse import Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING

from agent.language import Language

if TYPE_CHECKING:
    from agent.runbook.events import Listener

Consent = Callable[[str], bool]
_DUMB = ("", "dumb", "unknown")


def screen_of(command: Namespace, language: Language) -> tuple[Listener, Consent]:
    """Return the screen, and the question put to a person there: the live one steps aside for it."""
    if command.json:
        from agent.screen.lines import JsonLines

        return JsonLines(sys.stdout), agree
    if sys.stdout.isatty() and not command.quiet and os.environ.get("TERM", "") not in _DUMB:
        from agent.screen.live import LiveScreen

        live = LiveScreen(sys.stdout, language)
        # A run that is ended at once leaves the terminal as it was, cursor and all.
        atexit.register(live.close)
        return live, lambda question: live.aside(lambda: agree(question))
    from agent.screen.plain import PlainScreen

    return PlainScreen(sys.stdout, language, quiet=command.quiet), agree


def agree(question: str) -> bool:
    """Ask the person at the terminal; without one nobody agrees."""
    if not sys.stdin or sys.stdin.closed or not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{question} [yes/no] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("yes", "y", "예", "네")
