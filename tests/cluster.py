"""A Dask cluster of this machine's own processes, as a fixture for any test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

WORKERS = ("seoul", "busan")


@dataclass(frozen=True)
class Cluster:
    """A running cluster: how `--engine` names it, and its processes."""

    engine: str
    processes: Any

    def pid(self, worker: str) -> int:
        """The process id of a worker, as it is now."""
        found: int = self.processes.workers[worker].pid
        return found

    def everywhere(self, function: Callable[..., Any], *args: Any) -> None:
        """Run a function in every worker's process."""
        from distributed import Client

        with Client(self.processes, set_as_default=False) as client:
            client.run(function, *args)


def running_cluster(*, quiet: bool = True, security: Any = None) -> Any:
    """Start a scheduler here and two workers as processes, each offering its region and the country."""
    from distributed import Nanny, Scheduler, SpecCluster

    silence = 60 if quiet else False
    common = {"host": "127.0.0.1", "nthreads": 1, "dashboard_address": None, "silence_logs": silence}
    common |= {"security": security} if security else {}
    workers = {
        name: {
            "cls": Nanny,
            "options": {**common, "name": name, "resources": {f"{name}-region": 1, "korea": 1}},
        }
        for name in WORKERS
    }
    here = {"host": "127.0.0.1", "port": 0, "dashboard_address": "127.0.0.1:0", "security": security}
    scheduler = {"cls": Scheduler, "options": here}
    return SpecCluster(workers=workers, scheduler=scheduler, silence_logs=silence, security=security)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One cluster for all tests of a worker."""
    with running_cluster() as processes:
        yield Cluster("dask://" + processes.scheduler_address.partition("://")[2], processes)
