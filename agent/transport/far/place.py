"""Which worker a host is handed to: one near it, where the inventory says so; of those the least busy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.errors import Unreachable
from agent.inventory.model import Host

NEAR = "drillyard_worker"
"""The variable that names a host's workers: a worker's name, or a resource that several of them offer."""


@dataclass(frozen=True)
class Worker:
    """One process of the engine: where it is reached, its name, and what it offers."""

    address: str
    name: str
    offers: tuple[str, ...] = ()

    def is_called(self, wanted: str) -> bool:
        """Tell whether it is meant by a name of the inventory."""
        return wanted == self.name or wanted in self.offers


def stays(host: Host) -> bool:
    """Tell whether a host's road begins on the controller whatever the engine.

    `local` and `docker` mean this machine, unless the inventory says which worker's.
    """
    return host.road in ("local", "docker") and NEAR not in host.vars


def place(host: Host, workers: Sequence[Worker], load: Mapping[str, int]) -> Worker:
    """Return the worker to hold a host's road; `load` is how many roads each address holds.

    Raises:
        Unreachable: there is none, or none of the name that the inventory says.
    """
    wanted = host.vars.get(NEAR)
    near = [each for each in workers if wanted is None or each.is_called(str(wanted))]
    if near:
        return min(near, key=lambda each: (load.get(each.address, 0), each.name, each.address))
    if not workers:
        raise Unreachable(f"{host.name}: the engine has no worker.", do="Start one: dask worker SCHEDULER.")
    known = sorted({each.name for each in workers} | {offer for each in workers for offer in each.offers})
    raise Unreachable(
        f"{host.name}: no worker is called {wanted} or offers it; there is {', '.join(known)}.",
        do=f"Start one near the host (dask worker SCHEDULER --name {wanted}), or correct its {NEAR}.",
    )
