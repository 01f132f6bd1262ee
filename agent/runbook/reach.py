"""The opened roads of a run: one a host, opened side by side, closed together."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from agent.errors import Unreachable
from agent.inventory import Host
from agent.transport import open_road
from agent.transport.road import Road


class Reach:
    """Roads by host name. `lost` holds, for each host that could not be reached, why.

    `spill` is the folder for outputs too long to keep in memory; `forks` bounds how many are opened at
    a time.
    """

    def __init__(self, hosts: Iterable[Host], *, spill: Path | None = None, forks: int = 8) -> None:
        """Nothing is opened yet."""
        self.hosts = tuple(hosts)
        self.roads: dict[str, Road] = {}
        self.lost: dict[str, Unreachable] = {}
        self._spill = spill
        self._forks = forks

    def __enter__(self) -> Reach:
        """Open every road that can be opened."""
        if len(self.hosts) == 1:
            self._open(self.hosts[0])
            return self
        with ThreadPoolExecutor(self._forks) as pool:
            list(pool.map(self._open, self.hosts))
        return self

    def __exit__(self, *_: object) -> None:
        """Close every road."""
        for road in self.roads.values():
            road.close()

    def to(self, host: Host) -> Road:
        """Return the road to a host.

        Raises:
            Unreachable: it could not be opened.
        """
        if host.name in self.lost:
            raise self.lost[host.name]
        return self.roads[host.name]

    def _open(self, host: Host) -> None:
        road = open_road(host, spill=self._spill)
        try:
            road.open()
        except Unreachable as error:
            self.lost[host.name] = error
            road.close()
        else:
            self.roads[host.name] = road
