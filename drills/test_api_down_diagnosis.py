"""Each way the API goes down is named by `drillyard check`, by its own name; a sound one has none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drills.rig.course import Settings
from drills.rig.fault import Scene, fault
from drills.rig.recovery import Agent
from drills.rig.stack import Stack, named
from drills.subjects.chat_night import HOST, SERVICES, chat_subject

UNIT = "chat-api"


@dataclass(frozen=True)
class Case:
    """A fault, the symptom it must be named by, and a word of the evidence."""

    fault: str
    symptom: str
    evidence: str
    settings: tuple[tuple[str, Any], ...] = ()


CASES = (
    Case("api_crash", "app.crashed", "killed"),
    Case("api_hang", "app.hangs", "are stopped"),
    Case("bad_release", "app.bad-release", "release 3"),
    Case("bad_release", "app.bad-release", "release 4", (("breaks", "start"), ("name", "4"))),
    Case("certificate_expired", "app.certificate-expired", "it expired"),
    Case("port_taken", "app.port-taken", "metrics-export"),
    Case("dependency_dead", "app.dependency-dead", "redis at redis1:6379"),
    Case("dependency_slow", "app.dependency-slow", "redis at redis1:6379", (("seconds", 300), ("still", 30))),
)
# Only these are of an API whose own host could heal them: the others wait for what it depends on.
WAITING = ("dependency_dead", "dependency_slow")


def _check(agent: Agent) -> tuple[int, dict[str, str], str]:
    said = agent.do("check", "--limit", HOST, "--json")
    health = json.loads(said.out.splitlines()[-1])
    assert not health["unseen"], said.out
    symptoms = {symptom["id"]: symptom["evidence"] for symptom in health["symptoms"]}
    return said.rc, symptoms, said.out + said.err


@pytest.mark.nightly
def test_api_down_diagnosis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A sound host has no symptom, each fault its own and no other; the page it names mends it."""
    table: list[str] = []
    with Stack(named("chat"), tmp_path / "run", services=SERVICES) as stack:
        agent = Agent(stack.inventory, tmp_path)
        chat_subject(stack, Settings())
        assert _check(agent)[:2] == (0, {})
        for each in CASES:
            scene = Scene(stack, stack.hosts[HOST], UNIT, "")
            harm = fault(each.fault, **dict(each.settings))
            wound = harm.strike(scene)
            code, symptoms, shown = _until_settled(agent)
            row = f"{each.fault:<20} {', '.join(symptoms):<26} exit {code}"
            table.append(f"{row}  {'; '.join(symptoms.values())[:90]}")
            assert list(symptoms) == [each.symptom], shown
            assert each.evidence in symptoms[each.symptom], shown
            assert code == 2
            if each.fault in WAITING:
                harm.heal(scene, wound)
            said = agent.do("auto-recover", "--yes", "--limit", HOST, "--runs", str(tmp_path / "runs"))
            assert said.rc == 0, said.out + said.err
            harm.heal(scene, wound)
            assert _check(agent)[:2] == (0, {})
    table += [f"SIMULATED: {each}" for each in stack.simulated]
    with capsys.disabled():
        print("\nfault                named                      `drillyard check`", *table, sep="\n")  # noqa: T201 - the confusion table is what this drill is for


def _until_settled(agent: Agent) -> tuple[int, dict[str, str], str]:
    """Look until it is not being started any more."""
    found = _check(agent)
    while "app.starting" in found[1]:
        found = _check(agent)
    return found
