"""`resume latest` is the newest run that is not done; `hosts --ping` asks hosts side by side."""

import threading
from contextlib import contextmanager

import pytest

from agent.cli import hosts, main
from agent.transport.choose import open_road

PAGE = "title: T\nsteps: [{id: one, sh: test -e GATE, changes: x}]\n"


@pytest.fixture
def world(tmp_path):
    """Four local hosts and a page that fails until its gate is there."""
    (tmp_path / "hosts.yml").write_text(
        f"all: {{vars: {{ansible_connection: local, drillyard_state_dir: {tmp_path}/state}}, "
        "hosts: {a: , b: , c: , d: }}\n"
    )
    for name in ("one", "two"):
        (tmp_path / f"{name}.yml").write_text(PAGE.replace("GATE", str(tmp_path / f"{name}.gate")))
    return tmp_path


def test_a_run_that_is_done_is_not_the_latest(world, capsys):
    """The newest unfinished one is taken up; where all are done a sentence says so."""
    words = ["-i", str(world / "hosts.yml"), "--limit", "a", "--runs", str(world / "runs")]
    assert main(["run", str(world / "one.yml"), *words]) == 10
    (world / "two.gate").touch()
    assert main(["run", str(world / "two.yml"), *words]) == 0
    (failed,) = world.glob("runs/*-one-*")
    (done,) = world.glob("runs/*-two-*")
    # Their ids have the second they began in, and nobody waits for the next one.
    failed.rename(world / "runs/20260101-000000-one-0000")
    done.rename(world / "runs/20260101-000001-two-0000")
    (world / "one.gate").touch()
    capsys.readouterr()
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 0
    assert "20260101-000000-one" in capsys.readouterr().out
    assert main(["resume", "latest", "--runs", str(world / "runs")]) == 22
    said = capsys.readouterr().err
    assert "There is no unfinished run" in said
    assert "all 2 are done" in said
    assert main(["resume", "20260101-000001-two-0000", "--runs", str(world / "runs")]) == 50


@pytest.mark.parametrize(("forks", "together"), [("4", 4), ("2", 2)])
def test_hosts_are_pinged_side_by_side(world, monkeypatch, capsys, forks, together):
    """As many at a time as --forks says, and told in the inventory's order."""
    barrier = threading.Barrier(together)

    def road_of(host, **more):
        road = open_road(host, **more)
        opened = road.open

        def met():
            barrier.wait(60)
            opened()

        road.open = met
        return road

    @contextmanager
    def roads_of(_command):
        yield road_of

    monkeypatch.setattr(hosts, "roads_of", roads_of)
    assert main(["hosts", "-i", str(world / "hosts.yml"), "--ping", "--forks", forks]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in shown] == ["a", "b", "c", "d"]
    assert all("answers in" in line for line in shown)
