"""The opened roads of a run: one a host, opened side by side, closed together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from agent.errors import ContactLost, Unreachable
from agent.inventory import Host
from agent.transport import Roads, open_road
from agent.transport.road import Road

T = TypeVar("T")


class Reach:
    """Roads by host name. `lost` holds, for each host that could not be reached, why.

    `roads` opens them, from here or from an engine's workers. `spill` is the folder for outputs too long to
    keep in memory; `forks` bounds how many hosts are opened, and worked on, at a time.
    """

    def __init__(
        self,
        hosts: Iterable[Host],
        *,
        spill: Path | None = None,
        forks: int = 8,
        roads: Roads = open_road,
    ) -> None:
        """Nothing is opened yet."""
        self.hosts = tuple(hosts)
        self.roads: dict[str, Road] = {}
        self.lost: dict[str, Unreachable] = {}
        self._spill = spill
        self._roads = roads
        self._pool = ThreadPoolExecutor(max(1, forks), thread_name_prefix="host")

    def __enter__(self) -> Reach:
        """Open every road that can be opened."""
        self.each(self._open, self.hosts)
        return self

    def __exit__(self, *_: object) -> None:
        """Close every road; what is in flight is lost with its road."""
        for road in self.roads.values():
            road.close()
        self._pool.shutdown(cancel_futures=True)

    def each(self, do: Callable[[Host], T], hosts: Sequence[Host]) -> list[T]:
        """Do something for every host, side by side, and return what came of it in their order.

        Raises:
            the first error, when all have come to an end; ContactLost before any other, as that leaves
            something unknown.
        """
        if len(hosts) == 1:
            return [do(hosts[0])]
        under_way = [self._pool.submit(do, host) for host in hosts]
        wait(under_way)
        errors = [error for each in under_way if (error := each.exception())]
        for error in sorted(errors, key=lambda error: not isinstance(error, ContactLost)):
            raise error
        return [each.result() for each in under_way]

    def to(self, host: Host) -> Road:
        """Return the road to a host.

        Raises:
            Unreachable: it could not be opened.
        """
        if host.name in self.lost:
            raise self.lost[host.name]
        return self.roads[host.name]

    def _open(self, host: Host) -> None:
        road = self._roads(host, spill=self._spill)
        try:
            road.open()
        except Unreachable as error:
            self.lost[host.name] = error
            road.close()
        else:
            self.roads[host.name] = road
