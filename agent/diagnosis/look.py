"""Look at a service on its host: its supervisor, its vitals, its backups; nothing of it is changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from agent import naming
from agent.backup import actions as backups
from agent.diagnosis.health import UNSEEN, Health, Seen, judge
from agent.errors import DrillyardError, Unreachable
from agent.inventory import Host, Service
from agent.runbook.reach import Reach
from agent.supervisors import service as supervised
from agent.transport.ask import Action
from agent.transport.perform import perform
from agent.transport.road import Road


def look_at(host: Host, reach: Reach) -> list[Health]:
    """Return the health of every service of a host; a host that cannot be reached could not be looked at."""
    try:
        road = reach.to(host)
    except Unreachable as error:
        return [Health(host.name, system, UNSEEN, unseen=(str(error),)) for system in host.services]
    return [_look(service, road) for service in host.services.values()]


def _look(service: Service, road: Road) -> Health:
    seen = Seen()

    def ask(action: Callable[[], Action[Any]]) -> Any:
        try:
            return perform(action(), road)
        except DrillyardError as error:
            seen.errors.append(str(error))
            return None

    seen.status = ask(lambda: supervised.status(service))
    seen.vitals = ask(lambda: _diagnose(service))
    seen.backup = ask(lambda: backups.newest(service, required=False))
    return judge(service.host, service.system, seen, datetime.now(UTC))


def _diagnose(service: Service) -> Action[Any]:
    verb = naming.verb(f"{service.system}.diagnose")
    action: Action[Any] = verb.function(verb.of(service))
    return action
