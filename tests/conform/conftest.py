"""Each way to a host, opened once for a file of tests."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from agent.inventory.model import Host
from agent.transport import Roads, local, open_road, order
from agent.transport.ask import Sh
from agent.transport.engine import engine
from agent.transport.far.road import FarRoad
from agent.transport.road import Road
from tests.conform.ways import APPLETS, IMAGE, WAYS, Way


@pytest.fixture(scope="module")
def container() -> Iterator[str]:
    """A container with nothing in it but Debian."""
    argv = ["docker", "run", "-d", "--rm", "--init", "--label", "drillyard=1", IMAGE, "sleep", "600"]
    name = subprocess.run(argv, capture_output=True, check=True, text=True).stdout.strip()[:12]
    yield name
    subprocess.run(["docker", "rm", "-f", name], capture_output=True, check=False)


@contextmanager
def roads_by(request: pytest.FixtureRequest) -> Iterator[Roads]:
    """What opens the roads of a way: this process, or the workers of a cluster, as patient as we are here."""
    if not request.param.startswith("worker"):
        yield open_road
        return
    cluster = request.getfixturevalue("cluster")
    cluster.everywhere(set_mercy, 0.3)
    with engine(cluster.engine) as roads:
        yield roads
    cluster.everywhere(set_mercy, 5)


def set_mercy(seconds: float) -> None:
    """Run on a worker: how long a command that was asked to end is given."""
    order.MERCY = seconds


@pytest.fixture(scope="module", params=WAYS)
def open_way(request, tmp_path_factory) -> Iterator[Way]:
    """Each way there is from this machine, opened once."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param in ("ssh", "worker-ssh"):
        to = request.getfixturevalue("sshd").host(user="operator")
    elif request.param == "docker":
        to = Host("box", road="docker", address=request.getfixturevalue("container"))
    else:
        to = Host("here", road="local", state_dir=str(folder / "state"))
    if request.param.startswith("worker"):
        to = replace(to, vars={"drillyard_worker": "seoul"})
    slow = request.param == "busybox"  # its sleep and our script for it count in whole seconds
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "MERCY", 1 if slow else 0.3)
        if slow:
            (folder / "bin").mkdir()
            for name in APPLETS.split():
                (folder / "bin" / name).symlink_to(shutil.which("busybox") or "")
            patch.setenv("PATH", str(folder / "bin"))
        local._me.cache_clear()
        base = f"/tmp/drillyard-{request.param}-{time.time_ns()}"
        with roads_by(request) as roads:
            road = roads(to, spill=folder / "spill")
            assert isinstance(road, FarRoad) == request.param.startswith("worker")
            way = Way(to, folder / "spill", road, 1 if slow else 0.3, base, roads)
            yield way
            way.road.run(Sh("rm", "-rf", base))
            way.road.close()
    local._me.cache_clear()


@pytest.fixture
def way(open_way) -> Way:
    """The way, with an empty folder on its host and no spill."""
    shutil.rmtree(open_way.spill, ignore_errors=True)
    way = replace(open_way, folder=f"{open_way.folder}/{time.time_ns()}")
    way.road.run(Sh("mkdir", "-p", way.folder))
    return way


@pytest.fixture
def road(way) -> Road:
    """The road under test."""
    return way.road


@pytest.fixture
def job(way) -> str:
    """A job's name that nobody had before."""
    return f"run{time.time_ns()}.step.1"
