"""A night of `api_down` as if Kubernetes ran the API: kubectl a stand-in, its pods a container."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drills.rig import rehearsal
from drills.rig.backups import Bench
from drills.rig.course import Course
from drills.rig.fault import Harm
from drills.rig.stack import Stack
from drills.standins import kubectl
from drills.subjects.chat_night import CONTAINER, container_night

ASKED = "kubectl.jsonl"
_THERE = {"supervisor": "kubernetes", "unit": "api", "namespace": "chat", "replicas": 2, "sudo": False}


def kubernetes_night(*, harm: Harm, **more: Any) -> Course:
    """Return a night of `api_down` where the agent reaches the API by kubectl; `more` as in Course.

    What users notice is real, and so is what is stopped and started; what the cluster says is SIMULATED.
    """
    whole: dict[str, Any] = {"backups": in_a_cluster, "simulated": (kubectl.SIMULATED,), **more}
    return container_night(harm=harm, **whole)


@contextlib.contextmanager
def in_a_cluster(bench: Bench) -> Iterator[str]:
    """Have the inventory say that a cluster runs the API, and put the stand-in on the PATH."""
    stack = bench.scene.stack
    folder = stack.private / "bin"
    asked = (bench.evidence / ASKED).resolve()
    kubectl.put_into(folder, kubectl.State(str(stack.hosts[CONTAINER].container.name), str(asked)))
    _say_so(stack)
    before = os.environ["PATH"]
    os.environ["PATH"] = f"{folder}{os.pathsep}{before}"
    try:
        # An API keeps nothing, so there is nothing to back up.
        yield ""
    finally:
        os.environ["PATH"] = before


def changed(evidence: Path) -> list[str]:
    """Return the commands that changed the cluster in that night, the fault's own ones included."""
    return kubectl.changed(evidence / ASKED)


def _say_so(stack: Stack) -> None:
    tree = rehearsal.load(stack.inventory)
    rehearsal.hosts(tree)[CONTAINER]["serves"]["app"] |= _THERE
    stack.inventory.write_text(rehearsal.text_of(tree))


__all__ = ["changed", "in_a_cluster", "kubernetes_night"]
