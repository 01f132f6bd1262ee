"""Which screen a run is shown on, and how a person is asked there."""

from __future__ import annotations

import atexit
import os
import select
import sys
import termios
from argparse import Namespace
from typing import TYPE_CHECKING

from agent.language import Language

if TYPE_CHECKING:
    from agent.runbook.events import Listener
    from agent.runbook.one_step import Consent

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
        return live, lambda *question: live.aside(lambda: agree(*question))
    from agent.screen.plain import PlainScreen

    return PlainScreen(sys.stdout, language, quiet=command.quiet), agree


def agree(question: str, within: float | None = None) -> bool | None:
    """Ask the person at the terminal; without one nobody agrees. None = no answer in time."""
    if not sys.stdin or sys.stdin.closed or not sys.stdin.isatty():
        return False
    sys.stderr.write(f"{question} [yes/no{f', in {within}' if within else ''}] ")
    sys.stderr.flush()
    if within and not select.select([sys.stdin], [], [], within)[0]:
        # What was typed and not sent is no answer, and is not for the shell either.
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
        sys.stderr.write("\n")
        return None
    return sys.stdin.readline().strip().lower() in ("yes", "y", "예", "네")
