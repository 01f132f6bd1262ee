"""api_down under Kubernetes, without a cluster (SIMULATED): what is seen, its cause, the exact commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import StepFailed
from agent.inventory.model import Service, Where
from agent.supervisors import service as supervised
from agent.systems import app as verbs
from agent.systems.app.server import App
from agent.transport.ask import Done
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform
from tests.systems.app.seen import REACHED, seen

CASES = yaml.safe_load((Path(__file__).parents[2] / "golden/kubernetes/api_down.yml").read_text())


def service() -> Service:
    """The API as an inventory has it that reaches a cluster by kubectl."""
    settings: dict[str, Any] = {
        "namespace": "chat",
        "health": "http://api.chat.svc:8000/health",
        "needs": {"mongodb": "mongo1:27017"},
        "sudo": False,
    }
    return Service("app", "cluster", "kubernetes", "api", settings, Where("hosts.yml", 7))


def facts(case: dict[str, Any]) -> str:
    """What is seen from the host that runs kubectl: no process, port or disk of the API."""
    whole = dict(seen().facts) | {"health": case["health"], "listener": {}, "processes": [], "disks": {}}
    for key in ("releases", "current", "switched"):
        whole.pop(key)
    return json.dumps(whole | {"needs": {"mongodb": REACHED}})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_api_down_under_kubernetes(case: dict[str, Any]) -> None:
    """The page's steps for that cause, one after the other; nothing else changes anything."""
    road = FakeRoad({**case["answers"], "python3 -I - *": facts(case)}, host="cluster")
    app = App.of(service())
    found = perform(verbs.cause(app), road)
    assert (found.id, found.remedy) == (case["cause"], case["remedy"])
    if found.remedy == "kill":
        perform(verbs.kill(app), road)
    if found.remedy == "roll_back":
        rolled = perform(verbs.roll_back(app), road)
        assert (rolled.release, rolled.restarted) == ("api-5c", True)
    elif found.remedy != "wait":
        perform(supervised.restart(app.service), road)
    assert [str(ask) for ask in road.asked if ask.changes] == case["changes"]


def test_a_page_is_told_of_a_cluster_that_does_not_answer() -> None:
    """It is no cause of the API's: the run fails with the cluster's own words."""
    refused = Done(1, err=b"The connection to the server 10.0.0.1:6443 was refused\n")
    with pytest.raises(StepFailed, match="The connection to the server"):
        perform(verbs.cause(App.of(service())), FakeRoad({"* get deployment api *": refused}))
