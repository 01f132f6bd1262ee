"""The promises of test_supervisor.py on a real cluster, for Deployments and StatefulSets.

Collected only where KUBECONFIG names a cluster that answers; its images come from DRILLYARD_KUBE_IMAGE
(busybox). Without a cluster the kubernetes supervisor is SIMULATED, by tests/golden/kubernetes/cases.yml.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator

import pytest

from agent.errors import StepFailed
from agent.inventory.model import Host, Service, Where
from agent.secrets import Secret
from agent.supervisors import service as verbs
from agent.transport import open_road
from agent.transport.perform import perform
from tests.conform.supervised import cluster

KINDS = ["deployment", "statefulset"] if cluster() else []
SERVE = (
    'echo "serving in mode ${MODE-unset}"; [ -z "$BROKEN" ] || { echo the data are broken; exit 3; }; '
    "exec sleep 1000"
)
AWKWARD = "p#$x 'w' \"d\" \\ \t and\na second line 한"


def kubectl(*argv: str, stdin: str = "") -> str:
    """Ask the cluster, beside the agent."""
    done = subprocess.run(["kubectl", *argv], input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A namespace of this test's own."""
    name = f"drillyard-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(params=KINDS)
def service(request, namespace) -> Service:
    """A workload of two pods, one variable of which comes from elsewhere."""
    name = f"api-{request.param[:3]}"
    elsewhere = {"configMapKeyRef": {"name": "nowhere", "key": "k", "optional": True}}
    env = [{"name": "KEPT", "value": "as it was"}, {"name": "URI", "valueFrom": elsewhere}]
    image = os.environ.get("DRILLYARD_KUBE_IMAGE", "busybox")
    container = {"name": "api", "image": image, "command": ["sh", "-c", SERVE], "env": env}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template}
    if request.param == "statefulset":
        spec["serviceName"] = name
    made = {"apiVersion": "apps/v1", "kind": request.param.title(), "metadata": {"name": name}, "spec": spec}
    made["kind"] = made["kind"].replace("set", "Set")
    kubectl("--namespace", namespace, "apply", "--filename", "-", stdin=json.dumps(made))
    settings = {"kind": request.param, "namespace": namespace}
    return Service("redis", "here", "kubernetes", name, settings, Where("hosts.yml", 7))


def environment(service: Service) -> dict[str, str | None]:
    """The environment of the pod template."""
    path = "jsonpath={.spec.template.spec.containers[0].env}"
    where = ("--namespace", service.text("namespace"), "get", service.text("kind"), service.unit)
    return {each["name"]: each.get("value") for each in json.loads(kubectl(*where, "--output", path))}


def test_the_promises_hold_on_a_cluster(service, monkeypatch):
    """Started, restarted, stopped for good, given another environment and the old one, never a false word."""
    road = open_road(Host("here", road="local"))

    def ask(action):
        return perform(action, road)

    first = ask(verbs.start(service))
    assert first.state == "running"
    assert "serving in mode unset" in ask(verbs.logs(service, lines=5))
    assert ask(verbs.restart(service)).since > first.since
    assert ask(verbs.stop(service)).state == "stopped"
    assert ask(verbs.status(service)).state == "stopped"
    assert ask(verbs.start(service)).detail.startswith("2 of 2 ready")

    monkeypatch.setenv("NEW_URI", AWKWARD)
    values = {"MODE": "standby", "URI": Secret("env", "NEW_URI")}
    kept = ask(verbs.set_env(service, values)).kept
    assert environment(service) == {"KEPT": "as it was", "MODE": "standby", "URI": AWKWARD}
    assert kept == ask(verbs.set_env(service, values)).kept
    for _ in range(2):
        assert ask(verbs.restore_env(service)).kept == kept
        assert environment(service) == {"KEPT": "as it was", "URI": None}

    with pytest.raises(StepFailed, match=r"(?s)expected api-\S+ to start, found: .*the data are broken"):
        ask(verbs.set_env(service, {"BROKEN": "1"}, within=90))
    assert ask(verbs.status(service)).state == "starting"
    assert ask(verbs.restore_env(service)).status.state == "running"

    with pytest.raises(StepFailed, match="the data are broken"):
        ask(verbs.set_env(service, {"BROKEN": "2"}, within=90))
    assert all(each.made for each in ask(verbs.releases(service)))
    ask(verbs.roll_back(service, within=90))
    assert environment(service) == {"KEPT": "as it was", "URI": None}
    ask(verbs.kill(service))
    assert ask(verbs.start(service)).state == "running"

    unknown = Service("redis", "here", "kubernetes", "ap-sta", service.settings, service.at)
    with pytest.raises(StepFailed, match=r"hosts\.yml:7: expected the cluster to have .*ap-sta"):
        ask(verbs.status(unknown))
