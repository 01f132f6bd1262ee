"""systemd by its answers: commands out, states in. (The real one is stopped and started in the drills.)"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import NotFound, NotInTime, StepFailed
from agent.inventory.model import Service, Where
from agent.supervisors import service as verbs
from agent.supervisors import systemd
from agent.transport.ask import Done
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform

SERVICE = Service("redis", "redis1", "systemd", "redis-server", at=Where("hosts.yml", 7))
CASES = yaml.safe_load((Path(__file__).parents[1] / "golden" / "systemd" / "cases.yml").read_text())


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_case(case: dict[str, Any]) -> None:
    """Facts in, commands out: tests/golden/systemd/cases.yml."""
    road = FakeRoad(case["answers"])
    action = getattr(verbs, case["verb"])(SERVICE, **case.get("with", {}))
    if "fails" in case:
        kind = {"StepFailed": StepFailed, "NotInTime": NotInTime}[case["fails"]]
        with pytest.raises(kind, match=case["sentence"]):
            perform(action, road)
    else:
        found = perform(action, road)
        for name, value in case["found"].items():
            assert getattr(found, name) == value
    changing = [str(ask) for ask in road.asked if ask.changes]
    assert changing == case["changes"]


@pytest.mark.parametrize("told", ["5.00 5.00", "999999999.00 5.00"])
def test_the_age_of_a_unit_does_not_hinge_on_proc_uptime(tmp_path: Path, told: str) -> None:
    """In a container of LXC that file is about the container, and systemd counts as its host does."""
    uptime = tmp_path / "uptime"
    uptime.write_text(told + "\n")
    line = f'mount --bind "{uptime}" /proc/uptime || exit 77; systemctl() {{ :; }}; {systemd._WITH_TIME}'
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    done = subprocess.run(["unshare", "--mount", "sh", "-c", line], capture_output=True, check=False)
    if done.returncode in (1, 77):
        pytest.skip("a /proc/uptime of our own needs root and a mount namespace")
    active = (
        f"ActiveState=active\nType=simple\nActiveEnterTimestampMonotonic={int(before * 1e6) - 2_000_000}\n"
    )
    assert systemd._settled(Done(0, active.encode() + done.stdout))
    young = (
        f"ActiveState=active\nType=simple\nActiveEnterTimestampMonotonic={int(before * 1e6) + 600_000_000}\n"
    )
    assert not systemd._settled(Done(0, young.encode() + done.stdout))


def test_an_unknown_supervisor_lists_what_there_is() -> None:
    """A supervisor that is not there is an error that names those that are."""
    odd = Service("redis", "redis1", "runit", "redis", at=Where("hosts.yml", 7))
    with pytest.raises(NotFound, match="systemd"):
        perform(verbs.status(odd), FakeRoad())
