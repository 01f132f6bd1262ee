"""A Kubernetes workload and its pods, as kubectl's jsonpath prints them: read, and judged; pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from agent.supervisors import Status

REPLICAS = "drillyard.dev/replicas"
BEFORE = "drillyard.dev/revision-before"

# No `-o json`: it holds the environment, and what an ask answers stands in the journal.
FACTS = (
    r'replicas={.spec.replicas}{"\n"}generation={.metadata.generation}{"\n"}'
    r'observed={.status.observedGeneration}{"\n"}all={.status.replicas}{"\n"}'
    r'updated={.status.updatedReplicas}{"\n"}ready={.status.readyReplicas}{"\n"}'
    r'labels={.spec.selector.matchLabels}{"\n"}containers={.spec.template.spec.containers[*].name}{"\n"}'
    r'noted_replicas={.metadata.annotations.drillyard\.dev/replicas}{"\n"}'
    r'noted_before={.metadata.annotations.drillyard\.dev/revision-before}{"\n"}'
)
PODS = (
    r"{range .items[*]}pod={.metadata.uid}|{.metadata.name}|{.status.phase}|{.status.startTime}|"
    r"{.status.containerStatuses[*].restartCount}|{.status.containerStatuses[*].state.waiting.reason}|"
    r'{.status.initContainerStatuses[*].state.waiting.reason}{"\n"}{end}'
)
REVISIONS = (
    r"{range .items[*]}{.metadata.annotations.deployment\.kubernetes\.io/revision}{.revision} "
    r'{.metadata.name} {.metadata.creationTimestamp}{"\n"}{end}'
)

_LOOP = "CrashLoopBackOff"
_NEVER = (
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)


@dataclass(frozen=True)
class Pod:
    """One pod; `waiting` are the reasons why containers of it do not run."""

    uid: str
    name: str
    phase: str
    since: str
    restarts: int
    waiting: tuple[str, ...]

    @property
    def hopeless(self) -> bool:
        """Whether waiting any longer for it would be in vain."""
        return self.broken or (_LOOP in self.waiting and self.restarts > 1)

    @property
    def broken(self) -> bool:
        """Whether it cannot start as it is described."""
        return self.phase == "Failed" or any(each in _NEVER for each in self.waiting)


@dataclass(frozen=True, order=True)
class Revision:
    """One form that a workload has had; `made` is when it had it first."""

    number: int
    name: str
    made: str = ""


@dataclass(frozen=True)
class Workload:
    """A Deployment or a StatefulSet: how many replicas are wanted, and how many there are of which kind.

    `observed` says that its controller has seen its newest form. `selector` is that of its pods;
    `noted_replicas` and `noted_before` are what we noted on it.
    """

    replicas: int
    observed: bool
    all: int
    updated: int
    ready: int
    selector: str
    containers: tuple[str, ...]
    noted_replicas: int
    noted_before: str

    def status(self, pods: tuple[Pod, ...]) -> Status:
        """Return how it is, seen with its pods."""
        since = max((pod.since for pod in pods), default="")
        words = [f"{self.ready} of {self.replicas} ready"]
        words += sorted({each for pod in pods for each in pod.waiting})
        words += [f"newest pod since {since}"] if since else []
        return Status(
            state=self._state(pods),
            enabled=self.replicas > 0,
            restarts=sum(pod.restarts for pod in pods),
            detail=", ".join(words),
            since=since,
        )

    def _state(self, pods: tuple[Pod, ...]) -> str:
        if not self.replicas:
            return "unknown" if pods else "stopped"
        if self.observed and self.replicas == self.all == self.updated == self.ready:
            return "running"
        return "failed" if any(pod.broken for pod in pods) else "starting"


def read_workload(text: str) -> Workload:
    """Return the workload of an answer to FACTS."""
    facts = dict(
        line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("pod=")
    )
    labels = json.loads(facts.get("labels") or "{}")
    return Workload(
        replicas=int(facts.get("replicas") or 0),
        observed=facts.get("observed") == facts.get("generation"),
        all=int(facts.get("all") or 0),
        updated=int(facts.get("updated") or 0),
        ready=int(facts.get("ready") or 0),
        selector=",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        containers=tuple(facts.get("containers", "").split()),
        noted_replicas=int(facts.get("noted_replicas") or 0),
        noted_before=facts.get("noted_before", ""),
    )


def read_pods(text: str) -> tuple[Pod, ...]:
    """Return the pods of an answer to PODS."""
    found = []
    for line in text.splitlines():
        if line.startswith("pod="):
            uid, name, phase, since, restarts, waiting, at_first = line[4:].split("|")
            reasons = tuple(f"{waiting} {at_first}".split())
            found.append(Pod(uid, name, phase, since, sum(map(int, restarts.split())), reasons))
    return tuple(found)


def read_revisions(text: str) -> list[Revision]:
    """Return every revision that an answer to REVISIONS names, the newest last."""
    found = [line.split() for line in text.splitlines()]
    return sorted(
        Revision(int(words[0]), words[1], "".join(words[2:])) for words in found if len(words) in (2, 3)
    )
