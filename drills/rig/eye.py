"""How pytest-testinfra looks at a host of a stack: through the engine, never by the agent's connection."""

from __future__ import annotations

from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult
from testinfra.host import Host

from drills.rig.stack import StackHost


class _Engine(BaseBackend):  # type: ignore[misc]  # testinfra ships no types
    """A testinfra backend over the engine's exec; it needs no docker command line on this machine."""

    NAME = "drillyard"

    def __init__(self, host: StackHost) -> None:
        super().__init__(host.name)
        self._stack_host = host
        # Asking for it would be a command more; every image of ours speaks UTF-8.
        self._encoding = "utf-8"

    def run(self, command: str, *args: str, **_options: Any) -> CommandResult:
        line = self.get_command(command, *args)
        done = self._stack_host.exec("/bin/sh", "-c", line, ok=())
        return self.result(done.rc, line.encode(), done.out, done.err)


def look_at(host: StackHost) -> Host:
    """Return testinfra's `host` for a host of a stack."""
    return Host(_Engine(host))
