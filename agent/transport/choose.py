"""Which road leads to a host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agent.errors import BadInventory

if TYPE_CHECKING:
    from agent.inventory.model import Host
    from agent.transport.road import Road
    from agent.transport.shell import ShellRoad


class Roads(Protocol):
    """What opens the roads of a run; `open_road` does it from here."""

    def __call__(self, host: Host, spill: Path | None = None) -> Road:
        """Return the road to a host; it connects at its first ask."""


def open_road(host: Host, spill: Path | None = None) -> ShellRoad:
    """Return the road that `host.road` names; it connects at its first ask.

    Outputs longer than an ask keeps in memory go whole into the folder `spill`.

    Raises:
        BadInventory: there is no such road.
    """
    match host.road:
        case "ssh" | "smart" | "paramiko":
            from agent.transport.ssh import SshRoad

            return SshRoad(host, spill)
        case "local":
            from agent.transport.local import LocalRoad

            return LocalRoad(host, spill)
        case "docker":
            from agent.transport.docker import DockerRoad

            return DockerRoad(host, spill)
    raise BadInventory(
        f"{host.at}: {host.name} is reached by {host.road!r}; known are ssh, local and docker.",
        do="Correct its ansible_connection.",
    )
