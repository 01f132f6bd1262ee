"""docker: containers by the docker command of their host, stopped against their restart policy.

In the inventory: `supervisor: docker`, `unit: chat-api` (the container's name). Settings:

- `sudo`: whether the docker command runs as root (default true; false where the login is in docker's group
  or the engine is rootless).

Docker cannot change the environment of a container, so `set_env` makes a new one like the old one from what
the engine says of it (same image, settings, networks and volumes, the anonymous ones too), and keeps the old
one, stopped, as NAME.drillyard-before. What the old one wrote outside of its volumes stays in it. It needs
python3 on the host and an engine on a local socket. A container of Compose is Compose's to change.
"""

from __future__ import annotations

from agent.errors import StepFailed
from agent.inventory.model import Service
from agent.naming import did_you_mean
from agent.payload.bundle import program
from agent.supervisors import LAST, Status, Switched, Values, containers, did_not, environment
from agent.supervisors.containers import Container, sudo
from agent.transport.ask import Action, Done, Sh

_BEFORE = ".drillyard-before"


def status(service: Service) -> Action[Status]:
    """Ask the engine how the container is.

    Raises:
        StepFailed: the host has no such container, or its engine does not answer.
    """
    return (yield from _found(service)).status


def start(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Start the container and wait until it stays up, or is healthy where it has a health check.

    Raises:
        StepFailed: it did not start; the sentence carries the last lines of its log.
    """
    found = yield from _found(service)
    # The engine does not start what waits in a crash loop; to restart it ends the wait.
    verb = "restart" if found.status.state == "starting" and not found.status.pid else "start"
    return (yield from _raise(service, verb, within))


def restart(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Restart the container and wait like `start`; raises like it."""
    containers.refuse_unkept(service, [(yield from _found(service))])
    return (yield from _raise(service, "restart", within))


def stop(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Stop the container, a crash loop too, and see that the engine does not start it when it restarts.

    Raises:
        StepFailed: it was started with --rm, so that stopping would delete it.
        TimedOut, NotInTime: it had not stopped `within` seconds.
    """
    containers.refuse_unkept(service, [(yield from _found(service))])
    yield Sh(
        *("docker", "stop", service.unit),
        sudo=sudo(service),
        changes=f"stops {service.unit}",
        again="safe",
        timeout=within,
    )
    ended = yield from containers.await_stop(service, [service.unit], within)
    yield from containers.keep_down(service, ended)
    return containers.together(ended)


def kill(service: Service) -> Action[None]:
    """End every process of the container at once; the engine does not start it anew."""
    yield from containers.kill(service, [(yield from _found(service))])


def enable(service: Service) -> Action[Status]:
    """Have the container start with its host."""
    yield from containers.enable(service, [(yield from _found(service))])
    return (yield from status(service))


def logs(service: Service, *, lines: int = 100) -> Action[str]:
    """Return the newest lines of the container's log, both of its outputs."""
    return (yield from containers.log_of(service, service.unit, lines))


def set_env(service: Service, values: Values, *, within: float = 60.0) -> Action[Switched]:
    """Put a container with other variables in the container's place, and keep the old one beside it.

    Raises:
        StepFailed: it cannot be made again as it is (the sentence says why; nothing was changed), or does
            not start with the new environment.
    """
    yield from _found(service)
    yield _recreate(service, "set", values, within)
    return (yield from _switched(service, tuple(values), within))


def restore_env(service: Service, *, within: float = 60.0) -> Action[Switched]:
    """Put the container of before the last `set_env` in its place again; the other is kept, stopped."""
    yield from _found(service)
    yield _recreate(service, "back", {}, within)
    return (yield from _switched(service, (), within))


def _switched(service: Service, names: tuple[str, ...], within: float) -> Action[Switched]:
    now = yield from containers.await_start(service, [service.unit], "start", within)
    return Switched(now, names, service.unit + _BEFORE)


def _recreate(service: Service, verb: str, values: Values, within: float) -> Sh:
    kept = service.unit + _BEFORE
    changes = f"makes {service.unit} anew with other {', '.join(values)}, and keeps the old one as {kept}"
    return Sh(
        *("python3", "-I", "-", verb, service.unit, *(environment.words(values) if values else ())),
        stdin=program("recreate"),
        secrets=environment.secrets(values),
        sudo=sudo(service),
        changes=changes if values else f"puts {kept} in the place of {service.unit}",
        again="safe",
        timeout=within,
        supposing=Done(0),
    )


def _raise(service: Service, verb: str, within: float) -> Action[Status]:
    began: Done = yield Sh(
        *("docker", verb, service.unit),
        sudo=sudo(service),
        changes=f"{verb}s {service.unit}",
        again="safe",
        ok=(0, 1),
        timeout=within,
        supposing=Done(0),
    )
    if began.rc:
        raise did_not(service, verb, began.complaint, (yield from logs(service, lines=LAST)))
    return (yield from containers.await_start(service, [service.unit], verb, within))


def _found(service: Service) -> Action[Container]:
    done: Done = yield containers.look(service, [service.unit])
    if not done.rc:
        return containers.read(done)[0]
    if "No such container" not in done.complaint:
        raise StepFailed(
            f"{service.host}: expected its docker engine to tell of {service.unit}, found: {done.complaint}",
            do="See that the engine runs and that the login may speak to it (setting `sudo` of the service).",
        )
    listed: Done = yield Sh("docker", "ps", "--all", "--format", "{{.Names}}", sudo=sudo(service))
    raise StepFailed(
        f"{service.at}: expected {service.host} to have the container {service.unit}, found none."
        + did_you_mean(service.unit, listed.text.split()),
        do="Correct `unit` in the inventory; `docker ps --all` on the host shows what there is.",
    )
