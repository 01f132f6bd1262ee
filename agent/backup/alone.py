"""A service that a run is at work on is left alone: what was copied then would be half a recovery."""

from __future__ import annotations

from agent.errors import Locked
from agent.inventory.model import Host
from agent.record import lock
from agent.transport.ask import Action


def leave_alone(host: Host, system: str) -> Action[None]:
    """See that no run holds the service.

    Raises:
        Locked: one does; the sentence says whose and since when.
    """
    holder = yield from lock.holder(host.state_dir, system, sudo=host.become)
    if holder is not None:
        raise Locked(
            f"{host.name}: {system} is held by run {holder.run} of {holder.who} since {holder.since} "
            f"({holder.reason}).",
            do=f"Wait for it; where it is dead, resume it or use `drillyard unlock {system} "
            f"-i INVENTORY --limit {host.name} --reason WHY`.",
        )
