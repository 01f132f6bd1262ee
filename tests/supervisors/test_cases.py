"""docker, compose and kubernetes by their answers: facts in, exact commands out, as data in tests/golden/.

docker and compose are real in tests/conform/ where an engine answers. For kubernetes these cases are all
there is without a cluster: SIMULATED. Their answers have the form that a real API server (1.20) gave.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import BadInventory, BadPage, NotFound, StepFailed
from agent.inventory.model import Service, Where
from agent.secrets import Secret
from agent.supervisors import service as verbs
from agent.transport.ask import Done
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = [
    (supervisor, case)
    for supervisor in ("docker", "compose", "kubernetes")
    for case in yaml.safe_load((GOLDEN / supervisor / "cases.yml").read_text())
]
KINDS = {"StepFailed": StepFailed, "BadInventory": BadInventory, "BadPage": BadPage, "NotFound": NotFound}


def scripted(answer: Any) -> Any:
    """An answer with an exit code and an error is written as a mapping."""
    return Done(answer["rc"], err=answer["err"].encode()) if isinstance(answer, dict) else answer


@pytest.mark.parametrize(
    ("supervisor", "case"), CASES, ids=[f"{name}: {case['case']}" for name, case in CASES]
)
def test_case(supervisor: str, case: dict[str, Any]) -> None:
    """The facts lead to these commands, and to nothing else that changes anything."""
    settings = case.get("settings", {})
    service = Service("redis", "host1", supervisor, "api", settings, Where("hosts.yml", 7))
    road = FakeRoad({ask: scripted(answer) for ask, answer in case["answers"].items()})
    given = dict(case.get("with", {}))
    if "secret" in given:
        given["values"] = {**given["values"], given.pop("secret"): Secret("env", "NEVER_ASKED")}
    action = getattr(verbs, case["verb"])(service, **given)
    if "fails" in case:
        with pytest.raises(KINDS[case["fails"]], match=case["sentence"]):
            perform(action, road)
    else:
        found = perform(action, road)
        for name, value in case.get("found", {}).items():
            said = getattr(found, name)
            assert (list(said) if isinstance(said, tuple) else said) == value
        assert found == case.get("returns", found)
        assert "lists" not in case or [asdict(each) for each in found] == case["lists"]
    assert [str(ask) for ask in road.asked if ask.changes] == case.get("changes", [])
