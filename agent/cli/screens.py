"""Which screen a run is shown on, and how a person is asked there."""

from __future__ import annotations

import atexit
import math
import os
import select
import sys
import termios
import time
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from agent.language import Language
from agent.screen.words import word

if TYPE_CHECKING:
    from agent.runbook.events import Listener
    from agent.runbook.one_step import Consent

_DUMB = ("", "dumb", "unknown")
_GLANCE = 0.2


def screen_of(command: Namespace, language: Language) -> tuple[Listener, Consent]:
    """Return the screen, and the question put to a person there: the live one steps aside for it."""
    asked = partial(agree, language=language)
    if command.json:
        from agent.screen.lines import JsonLines

        return JsonLines(sys.stdout), asked
    if sys.stdout.isatty() and not command.quiet and os.environ.get("TERM", "") not in _DUMB:
        from agent.screen.live import LiveScreen

        live = LiveScreen(sys.stdout, language)
        # A run that is ended at once leaves the terminal as it was, cursor and all.
        atexit.register(live.close)
        return live, lambda *question: live.aside(lambda: asked(*question))
    from agent.screen.plain import PlainScreen

    return PlainScreen(sys.stdout, language, quiet=command.quiet), asked


def agree(
    question: str,
    within: float | None = None,
    ended: Callable[[], bool] = lambda: False,
    language: Language = "en",
) -> bool | None:
    """Ask the person at the terminal; without one nobody agrees. None = no answer in time, or `ended`."""
    if not sys.stdin or sys.stdin.closed or not sys.stdin.isatty():
        return False
    if ended():
        return None
    limit = f", {word('answer within', language).format(within)}" if within else ""
    sys.stderr.write(f"{question} [{word('yes or no', language)}{limit}] ")
    sys.stderr.flush()
    if not _answered(within, ended):
        # What was typed and not sent is no answer, and is not for the shell either.
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
        sys.stderr.write("\n")
        return None
    return sys.stdin.readline().strip().lower() in ("yes", "y", "예", "네")


def _answered(within: float | None, ended: Callable[[], bool]) -> bool:
    """Wait for a line at the terminal; False where the time is over, or the run is to end."""
    until = time.monotonic() + (within or math.inf)
    while not ended():
        left = until - time.monotonic()
        # Nothing wakes us where the run is to end: a signal leaves a byte for another thread, a file nothing.
        if select.select([sys.stdin], [], [], max(0, min(_GLANCE, left)))[0]:
            return True
        if left <= 0:
            return False
    return False
