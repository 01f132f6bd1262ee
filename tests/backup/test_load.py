"""What backups may take of their host: read from the inventory, told to whatever sends, takes and proves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.at_rest import sets
from agent.at_rest.model import AtRest
from agent.backup.store import stores_of
from agent.errors import BadInventory
from agent.inventory.load import Load
from agent.inventory.model import Service
from agent.payload.gently import Pace
from agent.transport.ask import Sh
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform

TO = ["/mnt/far", "backup@dr1:/srv/backups", "s3://bucket/prefix"]


def service(**settings: Any) -> Service:
    """The service, with its settings."""
    return Service("refserver", "ref1", "docker", "u", {"ship_to": TO, **settings})


@pytest.mark.parametrize(
    ("load", "why"),
    [
        ({"rte": 4}, "Did you mean rate"),
        ({"rate": "4M"}, "a rate in MiB a second, found '4M'"),
        ({"rate": -1}, "a rate"),
        ({"nice": 20}, "nice from 0 to 19, found 20"),
        ({"nice": -5}, "nice from 0"),
        ({"io": "idel"}, "Did you mean idle"),
        (4, "a mapping of rate, nice, io"),
    ],
)
def test_what_is_no_load_is_refused(load: Any, why: str) -> None:
    """With the word that was meant, and as soon as anything is to be sent or taken."""
    with pytest.raises(BadInventory, match=why):
        Load.of(service(load=load))
    with pytest.raises(BadInventory, match=why):
        stores_of(service(load=load))
    with pytest.raises(BadInventory, match=why):
        AtRest.of(service(load=load))


def test_a_rate_is_told_to_each_way_of_sending() -> None:
    """cp gives way to rsync, rsync has its limit in KiB, the program for buckets its bytes a second."""
    folder, ssh, bucket = stores_of(service(load={"rate": 2.5}))
    assert folder.send("/a", "/mnt/far/a", "0").argv[-1] == "2560"
    assert "--bwlimit=2560" in ssh.send("/a", "/srv/backups/a", "0").argv
    for ask in (bucket.send("/a", "prefix/a", "0"), bucket.checksum("prefix/a")):
        assert msgspec.json.decode(ask.argv[-1])["rate"] == 2.5 * (1 << 20)


def test_what_is_brought_back_is_not_held_up() -> None:
    """A recovery goes as fast as it can; without a rate so does everything."""
    for store in stores_of(service(load={"rate": 1})):
        words = " ".join(store.receive("/far/a", "/a").argv)
        assert "bwlimit=1024" not in words
        assert '"rate"' not in words
    folder, ssh, bucket = stores_of(service())
    assert folder.send("/a", "/mnt/far/a", "0").argv[-1] == "0"
    assert not [word for word in ssh.send("/a", "/srv/a", "0").argv if "bwlimit" in word]
    assert msgspec.json.decode(bucket.send("/a", "a", "0").argv[-1])["rate"] == 0


def test_a_share_is_filled_by_rsync_with_its_limit(tmp_path: Path) -> None:
    """The real one takes what it is told, and what arrives is the same."""
    (tmp_path / "a").write_bytes(b"x" * 5000)
    (store,) = stores_of(service(ship_to=[str(tmp_path / "far")], load={"rate": 50}))
    ask: Sh = store.send(str(tmp_path / "a"), str(tmp_path / "far/b/a"), "0")
    subprocess.run(["sh", "-c", *ask.argv[:1], "sh", *ask.argv[1:]], check=True)
    assert (tmp_path / "far/b/a").read_bytes() == b"x" * 5000


def test_taking_and_proving_are_told_how_far_to_step_back() -> None:
    """Both programs have it in what they are told."""
    data = AtRest.of(service(load={"nice": 15, "io": "idle"}))
    road = FakeRoad({"python3 *": '{"id":"x","path":"/p","sound":true,"detail":"","contents":{}}'})
    for action in (sets.check_dump(data, sets_named("x"), "opens"),):
        perform(action, road)
    assert '"nice":15,"io":"idle"' in road.commands[-1]


def sets_named(name: str) -> Any:
    """What a check is told of a set."""
    return msgspec.defstruct("Named", [("id", str)], frozen=True)(id=name)


def test_a_process_steps_back_and_never_forward() -> None:
    """By its own figures; one that was begun with less keeps less."""
    script = (
        "import os, subprocess\nfrom agent.payload.gently import step_back\nstep_back(5, 'idle')\n"
        "step_back(3)\nprint(os.nice(0), subprocess.run(['ionice', '-p', str(os.getpid())], "
        "capture_output=True, text=True).stdout)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    now, io = done.stdout.split(maxsplit=1)
    assert int(now) >= 5
    assert io.strip() == "idle"


def test_a_pace_waits_for_what_went_too_soon() -> None:
    """Against a clock of its own: the average is the rate, and what was slow is not waited for."""
    now, waited = [0.0], []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    pace = Pace(100, clock=lambda: now[0], wait=wait)
    pace.passed(50)
    now[0] += 0.25
    pace.passed(50)
    assert waited == [0.5, 0.25]
    now[0] += 10
    pace.passed(100)
    assert waited == [0.5, 0.25]
    Pace(0, wait=wait).passed(10**9)
    assert len(waited) == 2
