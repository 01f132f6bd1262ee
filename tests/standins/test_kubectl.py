"""The stand-in for kubectl says what the golden cases say, of a container as it is; it refuses all else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from agent.supervisors.workload import FACTS, PODS, REVISIONS, read_pods, read_revisions, read_workload
from drills.standins import kubectl
from drills.standins.kubectl import State, answer

WHERE = ["--request-timeout=20s", "--namespace=chat"]
BEGAN = "2026-11-26T03:00:00Z"
HERE = State("api2", "/dev/null")


def ask(state: State, *words: str, running: bool = True) -> str:
    """What it says, as the supervisor would ask it."""
    return answer(state, [*WHERE, *words], running, BEGAN)[1]


def workload(state: State, *, running: bool = True) -> str:
    """The state that the supervisor reads out of its answers."""
    told = ask(state, "get", "deployment", "api", "--output", f"jsonpath={FACTS}", running=running)
    pods = ask(state, "get", "pods", "--selector", "app=api", "--output", f"jsonpath={PODS}", running=running)
    return read_workload(told).status(read_pods(pods)).state


def test_it_tells_of_the_container_as_it_is():
    """Ready where it runs, starting where it does not; none is wanted once it has been scaled to nothing."""
    assert workload(HERE) == "running"
    assert workload(HERE, running=False) == "starting"
    after, _ = answer(HERE, [*WHERE, "scale", "deployment/api", "--replicas=0"], True, BEGAN)
    assert workload(after, running=False) == "stopped"
    back, _ = answer(after, [*WHERE, "scale", "deployment/api", "--replicas=2"], False, BEGAN)
    assert (workload(back), back.generation) == ("running", HERE.generation + 2)


def test_a_pod_that_was_made_anew_is_another_one():
    """By its id, which comes from when the container began."""
    words = [*WHERE, "get", "pods", "--selector", "app=api", "--output", f"jsonpath={PODS}"]
    first, second = (read_pods(answer(HERE, words, True, at)[1]) for at in (BEGAN, "2026-11-26T03:00:09Z"))
    assert first[0].uid != second[0].uid
    revisions = ask(HERE, "get", "replicasets", "--selector", "app=api", "--output", f"jsonpath={REVISIONS}")
    assert [each.name for each in read_revisions(revisions)] == ["api-5c", "api-6d"]


@pytest.mark.parametrize("case", [kubectl.READY, kubectl.GONE])
def test_each_command_of_the_cases_does_something_to_the_container(case: str):
    """What the golden cases send is known, whichever namespace it is sent to."""
    said = kubectl.changes_of(case)
    assert said
    assert all(kubectl.acts(line) for line in said)


@pytest.mark.parametrize(
    "words",
    [
        "delete deployment api",
        "scale deployment/api --replicas=7",
        "get nodes",
        "rollout restart deployment/db",
    ],
)
def test_what_no_case_has_is_refused(words: str):
    """Nobody ever saw a cluster answer that."""
    with pytest.raises(LookupError, match="no golden case"):
        answer(HERE, [*WHERE, *words.split()], True, BEGAN)


def test_as_a_program_it_writes_down_what_it_was_asked(tmp_path: Path):
    """What was refused is written down too, and counts as no change."""
    asked = tmp_path / "asked.jsonl"
    program = kubectl.put_into(tmp_path / "bin", State("drillyard-nowhere", str(asked)))
    done = subprocess.run([program, "get", "nodes"], capture_output=True, text=True, check=False)
    assert (done.returncode, "SIMULATED" in done.stderr) == (64, True)
    assert [json.loads(line)["argv"] for line in asked.read_text().splitlines()] == [["get", "nodes"]]
    assert kubectl.changed(asked) == []
