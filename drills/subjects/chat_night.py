"""A night on the chat stack as its users live through it: everything its drills have in common."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from agent.errors import NotInTime
from drills.rig.backups import none_needed
from drills.rig.course import Course, Settings
from drills.rig.fault import Harm
from drills.rig.stack import Stack
from drills.rig.subject import Subject
from drills.subjects.chat import ChatSubject
from drills.subjects.chat_host import claims, container_claims

HOST = "api1"
CONTAINER = "api2"
SERVICES = ("redis1", "mongo1", "api1")
SETTINGS = Settings(rate=50, preload=2000, settle=30)
"""What the stack can carry beside everything else on two cores; a write costs it some ten milliseconds."""

Logs = Mapping[str, Mapping[str, tuple[str, ...]]]
LOGS: Logs = {
    HOST: {
        "journal.log": ("journalctl", "-u", "chat-api", "--no-pager", "-o", "short-iso-precise"),
        "system.log": ("journalctl", "--no-pager", "-o", "short-iso-precise"),
        "status.txt": ("systemctl", "status", "--no-pager", "chat-api"),
        "releases.txt": ("ls", "-l", "/opt/chat", "/opt/chat/releases"),
        "processes.txt": ("ps", "-eo", "pid,ppid,stat,user,args"),
        "ports.txt": ("ss", "-tlnp"),
    },
    "redis1": {
        "journal.log": ("journalctl", "-u", "redis-server", "--no-pager", "-o", "short-iso-precise"),
        "redis-server.log": ("tail", "-c", "4M", "/var/log/redis/redis-server.log"),
    },
}
_UP = 180.0  # seconds until the API must serve after its stack has been started
_pause = threading.Event()


def api_night(*, harm: Harm, rto: float = 600.0, rpo: float = 0.0, **more: Any) -> Course:
    """Return a night of `api_down` with that fault and these objectives in seconds; `more` as in Course.

    The playbook has 5-10 minutes for it, and an API keeps no data, so nothing may be lost.
    """
    whole: dict[str, Any] = {
        "drill": "api_down",
        "page": "api_down",
        "service": "app",
        "host": HOST,
        "unit": "chat-api",
        "subject": chat_subject,
        "claims": claims,
        "logs": LOGS,
        "services": SERVICES,
        "settings": SETTINGS,
        "backups": none_needed,
        **more,
    }
    return Course(harm=harm, rto=rto, rpo=rpo, **whole)


def container_night(*, harm: Harm, **more: Any) -> Course:
    """Return a night of `api_down` where the API is a plain container under docker; `more` as in Course."""
    whole: dict[str, Any] = {
        "host": CONTAINER,
        "unit": "",
        "subject": container_subject,
        "claims": container_claims,
        "logs": {"redis1": LOGS["redis1"]},
        "services": ("redis1", "mongo1", CONTAINER),
        **more,
    }
    return api_night(harm=harm, **whole)


def chat_subject(stack: Stack, settings: Settings) -> Subject:
    """Return the stack's chat service as its users see it, once it serves them.

    Raises:
        NotInTime: it did not within three minutes of the stack being up; the sentence says what /health said.
    """
    host = stack.hosts[HOST]
    authority = host.read("/etc/chat/tls/ca.pem").decode()
    subject = _subject(f"https://127.0.0.1:{host.port(8000)}", authority, settings)
    host.exec("sh", "-c", "until [ -e /var/lib/chat/indexes-created ]; do sleep 0.1; done")
    return subject


def container_subject(stack: Stack, settings: Settings) -> Subject:
    """Return the chat service of the plain container; raises as `chat_subject`."""
    return _subject(f"http://127.0.0.1:{stack.hosts[CONTAINER].port(8000)}", "", settings)


def _subject(url: str, authority: str, settings: Settings) -> ChatSubject:
    subject = ChatSubject(url, authority, seed=settings.seed, preload_count=settings.preload)
    end = time.monotonic() + _UP
    while wrong := subject.healthy():
        if time.monotonic() > end:
            raise NotInTime(f"The chat API did not serve after {_UP:.0f} s: {wrong}.")
        _pause.wait(0.1)
    return subject


__all__ = [
    "CONTAINER",
    "HOST",
    "LOGS",
    "SERVICES",
    "SETTINGS",
    "api_night",
    "chat_subject",
    "container_night",
]
