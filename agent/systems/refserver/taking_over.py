"""Whether a spare may take a host's place: that one answers nobody any more, and the spare serves nobody."""

from __future__ import annotations

import math
from urllib.parse import urlsplit

import msgspec

from agent.at_rest.look import pulse
from agent.errors import Refused
from agent.payload.bundle import program
from agent.systems.refserver.server import Refserver
from agent.transport.ask import Action, Done, Note, Sh

PATIENCE = 15.0
"""Seconds that one answer is waited for: a host that answers late is not lost."""
EVERY = 15.0
"""Seconds between two looks."""


def lost(refserver: Refserver, host: str, health: str, ssh: str = "", span: float = 60) -> Action[None]:
    """See that `host` is lost: for `span` seconds it answers neither at `health` nor at `ssh` (HOST:PORT).

    Without `ssh` it is port 22 of the host that `health` names.

    Raises:
        Refused: somebody answers there, so that two would serve; or this spare serves already, and what users
            wrote there would be put aside.
    """
    yield from _silent(refserver, host, health, ssh, span)
    own = yield from pulse(refserver)
    if refserver.health and own.code == 200:
        raise Refused(
            f"{refserver.host}: expected a spare that serves nobody yet, found that it answers {own.code}.",
            do="Where nobody uses it, stop it and run again; what is there is put aside, not deleted.",
        )


def still_lost(refserver: Refserver, host: str, health: str, ssh: str = "", span: float = 10) -> Action[None]:
    """See that `host` has not come back while the spare was made ready.

    Raises:
        Refused: somebody answers there. Users are still sent to it, and the spare is ready beside it.
    """
    yield from _silent(refserver, host, health, ssh, span)


def _silent(refserver: Refserver, host: str, health: str, ssh: str, span: float) -> Action[None]:
    if not health:
        yield Note(f"{refserver.host}: nobody said how {host} is asked; see for yourself that it is off")
        return
    looks = max(2, math.ceil(span / EVERY) + 1)
    ways = [health, ssh or f"{urlsplit(health).hostname}:22"]
    spec = {"ways": ways, "looks": looks, "span": span, "patience": PATIENCE}
    done: Done = yield Sh(
        *(refserver.python, "-I", "-", msgspec.json.encode(spec).decode()),
        stdin=program("answers"),
        timeout=span + 3 * PATIENCE * looks + 30,
    )
    found = msgspec.json.decode(done.out)
    if found["answers"]:
        said = "; ".join(f"{way} answers: {words}" for way, words in found["answers"].items())
        raise Refused(
            f"{refserver.host}: expected {host} to be lost, found at look {found['looks']} of {looks} that "
            f"{said}.",
            do="Use the page that drillyard auto-recover names, or switch that host off first.",
        )
    silent = "; ".join(f"{way}: {words}" for way, words in found["silent"].items())
    yield Note(f"{refserver.host}: {host} answered nobody at {looks} looks in {span:.0f} s ({silent})")
