"""Which road is chosen, and what only the local one, the container's and the fake one promise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.errors import BadInventory, NotInTime, StepFailed, Unreachable
from agent.inventory.model import Host, Where
from agent.transport import open_road
from agent.transport.ask import Clock, Sh, Until
from agent.transport.fake import FakeRoad
from agent.transport.order import job_of
from agent.transport.perform import perform


def test_a_host_without_a_road_is_refused():
    """An ansible_connection nobody knows is told with its place."""
    with pytest.raises(BadInventory, match=r"hosts.yml:7: web1 is reached by 'winrm'"):
        open_road(Host("web1", road="winrm", at=Where("hosts.yml", 7)))


@pytest.mark.skipif(not shutil.which("docker"), reason="needs the docker command")
def test_a_container_that_is_not_there_is_unreachable():
    """No engine, or no such container: nothing was asked, and the sentence says which."""
    with pytest.raises(Unreachable, match="no-such-container"):
        open_road(Host("box", road="docker", address="no-such-container")).open()


def test_a_road_without_the_docker_command(monkeypatch, tmp_path):
    """Without a docker command line the container is unreachable, and it is said why."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unreachable, match="docker command could not be started"):
        open_road(Host("box", road="docker")).open()


def test_a_claim_that_could_not_be_written_begins_nothing(tmp_path):
    """Where the disk was full when a job was claimed nothing has run, and it runs once there is room."""
    road = open_road(Host("here", road="local", state_dir=str(tmp_path)))
    ask = Sh("touch", tmp_path / "ran", changes="leaves a file")
    job = job_of(ask, "a", str(tmp_path), road._arrive())
    Path(job.folder).mkdir(parents=True)
    Path(f"{job.path}.1.pid").touch()
    with pytest.raises(StepFailed, match=r"was not begun.*is the disk full"):
        road.run(ask, job="a")
    assert not (tmp_path / "ran").exists()
    assert road.run(ask, job="a").rc == 0
    assert (tmp_path / "ran").exists()
    road.forget("a")


def test_waiting_on_a_fake_road_takes_no_time():
    """An awaited state is looked at again and again, the waiting is counted, and its clock goes on."""
    road = FakeRoad({"redis-cli PING": ["LOADING", "LOADING", "PONG"]}, now=100.0)

    def action():
        done = yield Until(Sh("redis-cli", "PING"), lambda done: done.text == "PONG", "it answers", every=9)
        now = yield Clock()
        return done.text, now

    assert perform(action(), road) == ("PONG", 118.0)
    assert road.commands == ["redis-cli PING"] * 3


def test_a_fake_state_that_never_comes_ends():
    """Past the time it may take the wait ends in NotInTime, also where nobody really waits."""
    road = FakeRoad({"ping *": 1})

    def action():
        yield Until(Sh("ping", "db"), lambda done: done.rc == 0, "db answers", every=0.5, within=600)

    with pytest.raises(NotInTime, match="600 s until db answers"):
        perform(action(), road)
    assert road.waited == 600
