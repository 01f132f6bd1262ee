"""What must be true of a host of the chat API on any good day: asserted before the strike and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drills.rig.verdict import Claim


def claims(host: Any, *, unit: str = "chat-api", port: int = 8000, processes: int = 2) -> Iterator[Claim]:
    """Look at a host through testinfra's `host` and yield one claim each, held or broken."""
    service = host.service(unit)
    yield _claim(
        "service running", service.is_running, f"the unit {unit} is running", f"the unit {unit} is down"
    )
    yield _claim(
        "service enabled",
        service.is_enabled,
        f"the unit {unit} starts at boot",
        f"the unit {unit} does not start at boot",
    )
    listening = host.socket(f"tcp://0.0.0.0:{port}").is_listening
    yield _claim(
        "socket listening", listening, f"port {port} is listened on", f"nobody listens on port {port}"
    )
    stopped = host.run("ps -o pid= -o stat= -u chat").stdout.splitlines()
    frozen = [line.split()[0] for line in stopped if line.split()[1].startswith("T")]
    enough = len(stopped) > processes and not frozen
    yield _claim(
        "processes alive",
        enough,
        f"all of its {processes} processes are alive",
        f"of its processes {len(stopped)} are there and {len(frozen)} are frozen",
    )
    env = host.file("/etc/chat/env")
    yield _claim(
        "secrets closed",
        env.user == "root" and env.mode & 0o077 == 0,
        "nobody but root reads its environment",
        f"/etc/chat/env is {env.user}'s, mode {env.mode:o}",
    )


def container_claims(host: Any, *, port: int = 8000, processes: int = 2) -> Iterator[Claim]:
    """Look into a plain container of the chat API and yield one claim each, held or broken."""
    listening = host.socket(f"tcp://0.0.0.0:{port}").is_listening
    yield _claim(
        "socket listening", listening, f"port {port} is listened on", f"nobody listens on port {port}"
    )
    states = [line.split()[0] for line in host.run("ps -o stat= -o args= -e").stdout.splitlines()]
    frozen = [state for state in states if state.startswith("T")]
    enough = len(states) > processes and not frozen
    yield _claim(
        "processes alive",
        enough,
        f"all of its {processes} processes are alive",
        f"of its processes {len(states)} are there and {len(frozen)} are frozen",
    )


def _claim(name: str, held: bool, good: str, bad: str) -> Claim:
    sentence = good if held else bad
    return Claim(name, "held" if held else "broken", sentence[0].upper() + sentence[1:] + ".")
