"""Which hosts a service is at home on: a spare holds nothing to back up while it waits; pure."""

from __future__ import annotations

from collections.abc import Iterable

from agent.inventory.model import Host

_STANDS_IN = ("replaces", "stands_in_for")


def stands_in(host: Host) -> str:
    """Return whose place a host is there to take: what it `replaces` or `stands_in_for` ("" = nobody's)."""
    return next((str(host.vars[name]) for name in _STANDS_IN if host.vars.get(name)), "")


def at_home(hosts: Iterable[Host]) -> tuple[Host, ...]:
    """Return the hosts that wait for nobody's loss; all where each does: then the spares are meant."""
    everything = tuple(hosts)
    return tuple(host for host in everything if not stands_in(host)) or everything
