"""The chat API goes down under load in one of many ways; its users are served again within ten minutes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.chat_night import api_night, container_night
from drills.subjects.colleague import Helped


@dataclass(frozen=True)
class Outage:
    """One way it goes down."""

    id: str
    fault: str
    settings: dict[str, Any] = field(default_factory=dict)


SYSTEMD = (
    pytest.param(Outage("crash", "api_crash"), id="crash"),
    pytest.param(Outage("bad_release", "bad_release"), id="bad_release"),
    *(
        pytest.param(outage, id=outage.id, marks=pytest.mark.nightly)
        for outage in (
            Outage("hang", "api_hang"),
            Outage("certificate_expired", "certificate_expired"),
            Outage("port_taken", "port_taken"),
        )
    ),
)
DOCKER = (Outage("hang", "api_hang"), Outage("crash", "api_crash"))
LONG = (
    Outage("bad_release_workers", "bad_release", {"breaks": "start"}),
    Outage("dependency_slow", "dependency_slow"),
)


@pytest.mark.parametrize("outage", SYSTEMD)
def test_api_down(night: Night, outage: Outage) -> None:
    """Whatever took it down: what helps against that is done, and no message is lost."""
    night.prove(api_night(variant=outage.id, harm=fault(outage.fault, **outage.settings)))


@pytest.mark.nightly
def test_api_down_with_redis(night: Night) -> None:
    """It waits while Redis is down, as no restart would help, and goes on once a colleague has mended it."""
    harm = Helped(fault("dependency_dead"), page="redis_aof", limit="redis1")
    result = night.prove(api_night(variant="dependency_dead", harm=harm))
    assert [said.rc for said in harm.said] == [0], harm.said
    assert result.recovery is not None
    assert not any(told.is_step("restart", "done") for told in result.recovery.told)


@pytest.mark.nightly
@pytest.mark.parametrize("outage", DOCKER, ids=lambda outage: outage.id)
def test_api_down_under_docker(night: Night, outage: Outage) -> None:
    """The same page where the API is a plain container under docker."""
    night.prove(container_night(variant=f"docker_{outage.id}", harm=fault(outage.fault)))


@pytest.mark.nightly
@pytest.mark.parametrize("outage", LONG, ids=lambda outage: outage.id)
def test_api_down_longer(night: Night, outage: Outage) -> None:
    """The same, of what takes longer to show or to end."""
    night.prove(api_night(variant=outage.id, harm=fault(outage.fault, **outage.settings)))
