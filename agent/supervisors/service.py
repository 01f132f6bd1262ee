"""`do: service.start` and its like: each verb goes to the supervisor that the inventory names."""

from __future__ import annotations

from typing import Protocol, cast, runtime_checkable

from agent import naming
from agent.errors import NotFound
from agent.inventory.model import Service
from agent.supervisors import Status, Supervisor
from agent.transport.ask import Action


def status(service: Service) -> Action[Status]:
    """Ask the supervisor how the service is."""
    return (yield from _supervisor(service).status(service))


def start(service: Service, within: float = 60.0) -> Action[Status]:
    """Start the service and wait until its supervisor calls it running."""
    return (yield from _supervisor(service).start(service, within=within))


def stop(service: Service, within: float = 60.0) -> Action[Status]:
    """Stop the service, so that no crash loop starts it again, and wait until nothing of it runs."""
    return (yield from _supervisor(service).stop(service, within=within))


def restart(service: Service, within: float = 60.0) -> Action[Status]:
    """Restart the service and wait until it runs."""
    return (yield from _supervisor(service).restart(service, within=within))


def enable(service: Service) -> Action[Status]:
    """Have the service start by itself when the host does."""
    supervisor = _supervisor(service)
    if not isinstance(supervisor, Enabling):
        raise NotFound(f"{service.at}: {service.supervisor} has no way to start a service with its host.")
    return (yield from supervisor.enable(service))


def logs(service: Service, lines: int = 100) -> Action[str]:
    """Return the newest lines of the service's log."""
    return (yield from _supervisor(service).logs(service, lines=lines))


@runtime_checkable
class Enabling(Protocol):
    """What a supervisor has that can start a service with its host."""

    def enable(self, service: Service) -> Action[Status]:
        """Have the service start by itself when the host does."""


def _supervisor(service: Service) -> Supervisor:
    """Return the supervisor's module (NotFound lists what there is)."""
    return cast(Supervisor, naming.supervisor(service.supervisor))
