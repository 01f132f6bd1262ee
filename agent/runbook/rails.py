"""The guard rails before a run: production hosts are named one by one, and no more hosts than were meant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from agent.errors import Refused
from agent.inventory import Host

PRODUCTION = frozenset({"production", "prod", "prd", "live", "운영"})
"""What `env` calls a host that people depend on, in whatever case."""


def is_production(host: Host) -> bool:
    """Whether people depend on a host, so that it is named before it is touched."""
    return host.environment.strip().lower() in PRODUCTION


def refuse(
    hosts: Sequence[Host],
    confirmed: Collection[str],
    most: int = 0,
    typed: Callable[[str], bool] = lambda _: False,
) -> None:
    """Refuse production hosts that are neither `confirmed` nor `typed`, and more than `most` hosts (0 = any).

    Raises:
        Refused: the sentence names the host, or says how many there would be.
    """
    if most and len(hosts) > most:
        raise Refused(
            f"This would touch {len(hosts)} hosts, more than the {most} of --max-hosts: "
            f"{', '.join(host.name for host in hosts[: most + 1])}, ...",
            do="Narrow it with --limit, or raise --max-hosts.",
        )
    for host in hosts:
        if is_production(host) and host.name not in confirmed and not typed(host.name):
            raise Refused(
                f"{host.name} is a production host and was not named to be touched.",
                do=f"Where it is meant, add --confirm {host.name}.",
            )
