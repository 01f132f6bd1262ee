"""elsewhere: a service whose own hosts are others than the one its tools are on; nobody starts it from here.

In the inventory: `supervisor: elsewhere`, `unit:` what runs and where, in words that help at 3 a.m.
"""

from __future__ import annotations

from agent.errors import NotFound
from agent.inventory.model import Service
from agent.supervisors import Status
from agent.transport.ask import Action, Note


def status(service: Service) -> Action[Status]:
    """Say that nobody here knows."""
    yield from ()
    return Status("unknown", enabled=None, detail=f"{service.unit} runs elsewhere")


def start(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Say where it is started.

    Raises:
        NotFound: always, as for every verb that would do something.
    """
    del within
    raise (yield from _not_from_here(service, "started"))


def stop(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Say where it is stopped."""
    del within
    raise (yield from _not_from_here(service, "stopped"))


def restart(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Say where it is restarted."""
    del within
    raise (yield from _not_from_here(service, "restarted"))


def logs(service: Service, *, lines: int = 100) -> Action[str]:
    """Say where its log is, and return none of it."""
    del lines
    yield Note(f"{service.host}: the log of {service.unit} is on its own hosts.")
    return ""


def _not_from_here(service: Service, verb: str) -> Action[NotFound]:
    yield from ()
    return NotFound(
        f"{service.at}: {service.system} on {service.host} is {service.unit}, which cannot be {verb} "
        "from here.",
        do=f"Have it {verb} there, by hand; then run this page again.",
    )
