"""`do: service.start` and its like: each verb goes to the supervisor that the inventory names."""

from __future__ import annotations

from typing import cast

from agent import naming
from agent.errors import NotFound
from agent.inventory.model import Service
from agent.secrets import Secret
from agent.supervisors import Enabling, Environing, Killing, Release, Rolling, Status, Supervisor, Switched
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


def kill(service: Service) -> Action[None]:
    """End every process of the service at once, as what hangs would not listen to a request to stop."""
    supervisor = _supervisor(service)
    if not isinstance(supervisor, Killing):
        raise NotFound(f"{service.at}: {service.supervisor} has no way to end a service by force.")
    yield from supervisor.kill(service)


def roll_back(service: Service, within: float = 60.0) -> Action[str]:
    """Go back to the release before the present one, where the supervisor keeps them; return its name."""
    supervisor = _supervisor(service)
    if not isinstance(supervisor, Rolling):
        raise NotFound(
            f"{service.at}: {service.supervisor} keeps no releases of a service.",
            do="Name the folder of its releases in the inventory (`releases` and `current` of an app), or "
            "deploy the release of before by hand.",
        )
    return (yield from supervisor.roll_back(service, within=within))


def releases(service: Service) -> Action[tuple[Release, ...]]:
    """Return the releases that its supervisor keeps, the present one last; () where it keeps none."""
    supervisor = _supervisor(service)
    return (yield from supervisor.releases(service)) if isinstance(supervisor, Rolling) else ()


def logs(service: Service, lines: int = 100) -> Action[str]:
    """Return the newest lines of the service's log."""
    return (yield from _supervisor(service).logs(service, lines=lines))


def set_env(service: Service, values: dict[str, str | Secret], within: float = 60.0) -> Action[Switched]:
    """Change variables of the service's environment for good and restart it; what was before is kept.

    A value may be a secret of the inventory: `values: {MONGO_URI: "{{ vars.standby_uri }}"}`.
    """
    return (yield from _environing(service).set_env(service, values, within=within))


def restore_env(service: Service, within: float = 60.0) -> Action[Switched]:
    """Give the service the environment it had before the last `set_env`, and restart it."""
    return (yield from _environing(service).restore_env(service, within=within))


def _environing(service: Service) -> Environing:
    supervisor = _supervisor(service)
    if not isinstance(supervisor, Environing):
        raise NotFound(f"{service.at}: {service.supervisor} has no way to change a service's environment.")
    return supervisor


def _supervisor(service: Service) -> Supervisor:
    """Return the supervisor's module (NotFound lists what there is)."""
    if service.provider:
        raise NotFound(
            f"{service.at}: {service.system} on {service.host} is run by {service.provider}, "
            "so nobody of ours starts, stops or asks it."
        )
    return cast(Supervisor, naming.supervisor(service.supervisor))
