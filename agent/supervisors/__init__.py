"""How a service is stopped, started and asked: one file a supervisor, one conformance suite for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from agent.inventory import Service
from agent.transport.ask import Action


@dataclass(frozen=True)
class Status:
    """How its supervisor sees a service; `since` is the supervisor's own word for when it got so.

    `state` is running, stopped, failed, starting or unknown. `pid` is 0 where nothing runs.
    """

    state: str
    enabled: bool
    pid: int = 0
    restarts: int = 0
    detail: str = ""


class Supervisor(Protocol):
    """What every supervisor can do for a service; a module of this room has these functions."""

    def status(self, service: Service) -> Action[Status]:
        """Ask how the service is."""

    def start(self, service: Service, *, within: float = 60.0) -> Action[Status]:
        """Start it and wait until the supervisor calls it running.

        Raises:
            StepFailed: it did not start; the sentence carries the last lines of its log.
        """

    def stop(self, service: Service, *, within: float = 60.0) -> Action[Status]:
        """Stop it, stay stopped against a crash loop, and wait until no process is left."""

    def restart(self, service: Service, *, within: float = 60.0) -> Action[Status]:
        """Restart it and wait until it runs."""

    def logs(self, service: Service, *, lines: int = 100) -> Action[str]:
        """Return the newest lines of its log."""
