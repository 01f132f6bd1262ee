"""Look at a service on its host: its supervisor, its vitals, its backups; nothing of it is changed."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from agent import naming
from agent.backup import actions as backups
from agent.backup import limits
from agent.backup.model import Backup
from agent.backup.retention import tiers_of
from agent.diagnosis.disk import disk
from agent.diagnosis.health import UNSEEN, Health, Seen, clock_off, judge
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

    if not service.provider:
        # What somebody else runs has no supervisor of ours to ask, and lacks nothing by that.
        seen.status = ask(lambda: supervised.status(service))
    copy = ask(lambda: _copy(service))
    began = time.time()
    seen.vitals = ask(lambda: _diagnose(service, copy))
    if seen.vitals is not None and seen.vitals.clock is not None:
        seen.clock_off = clock_off(seen.vitals.clock, began, time.time())
    seen.disk = ask(lambda: _disk(service))
    if seen.vitals is None or seen.vitals.backup is None:
        mark = seen.vitals.mark if seen.vitals else None
        seen.oldest = ask(lambda: _oldest(service)) or seen.oldest
        seen.backup = copy or ask(lambda: backups.newest(service, required=False))
        seen.set_back = ask(lambda: backups.set_back(service, mark)) or ""
    return judge(service.host, service.system, seen, datetime.now(UTC))


def _oldest(service: Service) -> Action[float]:
    """Return how old the newest backup may be, in seconds: who takes one each hour is late after two."""
    yield from ()
    return min(limits.said(service, tiers_of(service)).kinds.values()).total_seconds()


def _diagnose(service: Service, copy: Backup | None) -> Action[Any]:
    verb = naming.verb(f"{service.system}.diagnose")
    given = {"copy": copy} if copy and _compares(service) else {}
    action: Action[Any] = verb.function(verb.of(service), **given)
    return action


def _copy(service: Service) -> Action[Backup | None]:
    """Return what the data can be compared with: the newest verified backup of data not lost before."""
    if not _compares(service):
        return None
    return (yield from backups.newest(service, required=False, whole=True))


def _compares(service: Service) -> bool:
    verb = naming.verb(f"{service.system}.diagnose")
    return "copy" in inspect.signature(verb.function).parameters


def _disk(service: Service) -> Action[Any]:
    return disk(service, naming.verb(f"{service.system}.diagnose").of(service))
