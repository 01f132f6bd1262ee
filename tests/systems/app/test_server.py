"""What an inventory says of an application, rightly and wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from agent.errors import BadInventory, StepFailed
from agent.secrets import Secret
from agent.systems.app.server import Need, read, without_secrets
from agent.transport.ask import Done
from tests.systems.app.seen import app


def test_what_it_says_is_read() -> None:
    """A dependency may be an address alone, or have a page too."""
    found = app(checks=[{"name": "log in", "post": "/sessions"}])
    assert found.needs == {"mongodb": Need("mongo1:27017", "mongodb_cluster_loss"), "redis": Need("r1:6379")}
    assert found.base == "https://127.0.0.1:8000"
    assert (found.local, found.sudo) == (True, True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"health": ""}, "health"),
        ({"current": ""}, "current"),
        ({"needs": ["redis"]}, "needs"),
        ({"needs": {"redis": "r1"}}, "port"),
        ({"needs": {"redis": {"adress": "r1:6379"}}}, "needs: redis"),
        ({"checks": ["log in"]}, "checks"),
        ({"logs": "app.log"}, "logs"),
        ({"slow": "2"}, "slow"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], said: str) -> None:
    """With the setting that is meant."""
    with pytest.raises(BadInventory, match=said):
        app(**wrong)


def test_secrets_of_checks_travel_apart() -> None:
    """In their places stand numbers; nothing else is changed."""
    secret = Secret("env", "CHECK_PASSWORD")
    found: dict[str, Secret] = {}
    said = without_secrets([{"json": {"password": secret, "email": "a@b"}}], found)
    assert said == [{"json": {"password": "{secret:0}", "email": "a@b"}}]
    assert found == {"0": secret}


def test_an_answer_that_is_none() -> None:
    """A host whose Python is too old or not there is said to be so."""
    with pytest.raises(StepFailed, match="expected a JSON answer"):
        read(app(), Done(0, b"bash: python3: not found"))
