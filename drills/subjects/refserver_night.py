"""A night on the refserver stack as its users live through it: everything its drills have in common."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from agent.errors import NotInTime
from drills.rig.course import Course, Settings
from drills.rig.fault import Harm
from drills.rig.stack import Stack
from drills.rig.subject import ProbeFailed, Subject
from drills.subjects.refserver import RefServer
from drills.subjects.refserver_host import claims

HOST, APP = "ref1", "refserver"
SERVICES = (HOST, APP, "ollama", "huridocs")
SETTINGS = Settings(rate=5, preload=100, before=10, every=0.3, settle=40, slower=0.5)
"""What Chroma can carry beside everything else on two cores: each write costs it several fsyncs, whose times
swing far more than anything a recovery changes."""
HOUR = 3600.0
LOGS = {
    HOST: {
        "files.txt": ("ls", "-lR", "/data"),
        "disk.txt": ("df", "-h", "/data"),
        "containers.txt": ("docker", "ps", "--all"),
    },
    APP: {"refserver.log": ("tail", "-c", "4M", "/data/logs/refserver.log")},
}
_UP = 180.0  # seconds until the service must serve after its stack has been started
_pause = threading.Event()


def simulated() -> tuple[str, ...]:
    """Return what of the stack is not the real thing, as its environment says."""
    names = {"OLLAMA_URL": "Ollama", "HURIDOCS_URL": "Huridocs"}
    return tuple(
        f"{name} (a stand-in on its HTTP routes)" for key, name in names.items() if not os.environ.get(key)
    )


def refserver_night(
    *, page: str, harm: Harm, rto: float = 2 * HOUR, rpo: float = HOUR, **more: Any
) -> Course:
    """Return a night of that page with that fault; 2 h and 1 h are the guide's. `more` as in Course."""
    whole: dict[str, Any] = {
        "drill": page,
        "page": page,
        "service": "refserver",
        "stack": "refserver",
        "host": HOST,
        "unit": APP,
        "subject": refserver_subject,
        "claims": claims,
        "logs": LOGS,
        "services": SERVICES,
        "settings": SETTINGS,
        "simulated": simulated(),
        **more,
    }
    return Course(harm=harm, rto=rto, rpo=rpo, **whole)


def refserver_subject(stack: Stack, settings: Settings, at: str = APP) -> Subject:
    """Return the stack's RefServer as its users see it at one of its services, once it serves them.

    Raises:
        NotInTime: it did not within three minutes of the stack being up; the sentence says why.
    """
    host = stack.hosts[at]
    subject = RefServer(
        f"http://127.0.0.1:{host.port(8060)}", seed=settings.seed, preload_count=settings.preload
    )
    end = time.monotonic() + _UP
    while wrong := _missing(subject):
        if time.monotonic() > end:
            raise NotInTime(f"RefServer did not serve after {_UP:.0f} s: {wrong}.")
        _pause.wait(0.2)
    return subject


def _missing(subject: RefServer) -> str:
    try:
        said = subject.health()
    except ProbeFailed as error:
        return str(error)
    return "" if said.get("status") == "ok" else str(said)[:300]


__all__ = ["APP", "HOST", "LOGS", "SERVICES", "SETTINGS", "refserver_night", "refserver_subject", "simulated"]
