"""kubernetes: Deployments and StatefulSets by kubectl, on the host that the inventory names.

In the inventory: `supervisor: kubernetes`, `unit: api`, on a host that has kubectl: the controller itself
(`ansible_connection: local`) or any other. Settings:

- `kind`: `deployment` (the default) or `statefulset`.
- `namespace`, `context`, `kubeconfig`: where they are not those that kubectl takes by itself.
- `replicas`: how many `start` makes of it, where `stop` did not note how many there were (default 1).
- `container`: the container whose environment `set_env` changes (default: every container of the pod).
- `sudo`: whether kubectl runs as root (default false: the kubeconfig is the login's).

Stopped means 0 replicas: the number of before is noted on the workload, and `start` brings it back. An
autoscaler rests while there are 0. `set_env` patches the pod template by kubectl's standard input: unlike
`kubectl set env --env=-`, which cuts a value at a `#`. The value stands in the workload, as with `kubectl set
env`: whoever may read that may read it. The template of before is kept by Kubernetes as a revision.
"""

from __future__ import annotations

from dataclasses import replace

from agent.errors import BadInventory, NotInTime, StepFailed
from agent.inventory.model import Service
from agent.naming import did_you_mean
from agent.supervisors import LAST, Release, Status, Switched, Values, did_not, environment
from agent.supervisors.containers import sudo
from agent.supervisors.workload import (
    BEFORE,
    FACTS,
    PODS,
    REPLICAS,
    REVISIONS,
    Pod,
    Revision,
    Workload,
    read_pods,
    read_revisions,
    read_workload,
)
from agent.transport.ask import Action, Done, Sh, Until

# A strategic-merge patch out of the variables, by kubectl's standard input; sed too reads them from its own.
_PATCH = r"""# patch the environment of the pod template
set -euf
workload=$1 containers=$2
shift 2
env=
while [ "$1" != -- ]; do
  name=${1%%=*}
  case $1 in *=*) value=${1#*=} ;; *) eval "value=\$DRILLYARD_V_$name" ;; esac
  value=$(printf '%s.' "$value" | sed -e 's/[\\"]/\\&/g' -e 's/	/\\t/g' -e '$!s/$/\\n/' | tr -d '\n')
  env="$env{\"name\":\"$name\",\"value\":\"${value%.}\",\"valueFrom\":null},"
  shift
done
shift
all=
for container in $containers; do all="$all{\"name\":\"$container\",\"env\":[${env%,}]},"; done
printf '{"spec":{"template":{"spec":{"containers":[%s]}}}}\n' "${all%,}" |
  "$@" patch "$workload" --type strategic --patch-file /dev/stdin
"""


def status(service: Service) -> Action[Status]:
    """Ask the cluster how the workload and its pods are.

    Raises:
        StepFailed: there is no such workload, or the cluster does not answer.
    """
    found = yield from _found(service)
    return found.status((yield from _pods(service, found)))


def start(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Bring the replicas back that `stop` took, and wait until they are ready.

    Pods in a crash loop are made anew, as the wait between two tries grows to five minutes.

    Raises:
        StepFailed: they did not become ready; the sentence carries the last lines of their log.
    """
    found = yield from _found(service)
    pods = yield from _pods(service, found)
    if not found.replicas:
        wanted = found.noted_replicas or service.number("replicas", 1)
        yield _change(service, f"gives {service.unit} {wanted} replicas", "scale", f"--replicas={wanted}")
    elif found.status(pods).state != "running":
        yield _anew(service)
        yield from _unstick(service, pods)
    return (yield from _await(service, found, "start", within, pods))


def restart(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Make every pod anew, as the workload's strategy says, and wait like `start`; raises like it."""
    found = yield from _found(service)
    if not found.replicas:
        return (yield from start(service, within=within))
    pods = yield from _pods(service, found)
    yield _anew(service)
    yield from _unstick(service, pods)
    return (yield from _await(service, found, "restart", within, pods))


def stop(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Take all replicas away, note how many there were, and wait until no pod is left.

    Raises:
        NotInTime: pods were left after `within` seconds.
    """
    found = yield from _found(service)
    if found.replicas:
        yield _note(service, REPLICAS, str(found.replicas))
        yield _change(service, f"stops {service.unit}: no replicas", "scale", "--replicas=0")
    yield Until(
        _ask_pods(service, found),
        lambda done: not read_pods(done.text),
        f"no pod of {service.unit} is left",
        within=within,
        every=0.3,
        supposing=Done(0),
    )
    return replace(found, replicas=0, ready=0).status(())


def kill(service: Service) -> Action[None]:
    """Delete the pods without any grace; the workload makes new ones."""
    found = yield from _found(service)
    yield Sh(
        *(*_kubectl(service), "delete", "pods", "--selector", found.selector),
        *("--grace-period=0", "--force", "--wait=false", "--ignore-not-found"),
        sudo=_sudo(service),
        changes=f"ends every pod of {service.unit} at once",
        again="safe",
        supposing=Done(0),
    )


def releases(service: Service) -> Action[tuple[Release, ...]]:
    """Return the revisions that Kubernetes keeps of the workload, the present one last."""
    kept = yield from _revisions(service, (yield from _found(service)))
    return tuple(Release(each.name, each.made) for each in kept)


def roll_back(service: Service, *, within: float = 60.0) -> Action[str]:
    """Take the workload back to the pod template before the present one and wait like `start`.

    Raises:
        StepFailed: there is none before it, or its pods did not become ready.
    """
    found = yield from _found(service)
    pods = yield from _pods(service, found)
    *_, before, present = None, *(yield from _revisions(service, found))
    if before is None:
        raise StepFailed(
            f"{service.host}: expected {_name(service)} to have a revision before "
            f"{present.name}, found none.",
            do="`kubectl rollout history` shows the revisions there are.",
        )
    to = f"--to-revision={before.number}"
    yield _change(service, f"takes {service.unit} back to {before.name}", "rollout", "undo", to)
    yield from _unstick(service, pods)
    yield from _await(service, found, "start", within, pods)
    return str(before.name)


def logs(service: Service, *, lines: int = 100) -> Action[str]:
    """Return the newest lines of the log of every pod, with its name before each."""
    found = yield from _found(service)
    return (yield from _logs(service, ["--selector", found.selector], lines))


def set_env(service: Service, values: Values, *, within: float = 60.0) -> Action[Switched]:
    """Set variables in the pod template and wait until every pod is one with them, where there are replicas.

    Raises:
        StepFailed: the new pods did not become ready; those of before go on where the strategy says so.
    """
    found = yield from _found(service)
    pods = yield from _pods(service, found)
    before = (yield from _revisions(service, found))[-1].name
    patched: Done = yield Sh(
        *(_PATCH, _name(service), " ".join(_containers(service, found)), *environment.words(values)),
        *("--", *_kubectl(service)),
        script=True,
        secrets=environment.secrets(values),
        sudo=_sudo(service),
        changes=f"sets {', '.join(values)} of {service.unit}",
        again="safe",
        supposing=Done(0),
    )
    if "no change" in patched.text:
        before = found.noted_before or before
    else:
        yield _note(service, BEFORE, before)
    return Switched((yield from _settled(service, found, within, pods)), tuple(values), before)


def restore_env(service: Service, *, within: float = 60.0) -> Action[Switched]:
    """Give the workload the pod template of before the last `set_env`, image and all, and wait like it.

    Raises:
        StepFailed: none is noted, Kubernetes no longer has it, or its pods did not become ready.
    """
    found = yield from _found(service)
    pods = yield from _pods(service, found)
    revisions = yield from _revisions(service, found)
    numbers = {each.name: each.number for each in revisions}
    if found.noted_before not in numbers:
        raise StepFailed(
            f"{service.host}: expected {service.unit} to have the revision of before its last change of "
            f"environment, found {found.noted_before or 'none noted'}.",
            do="`kubectl rollout history` shows the revisions there are.",
        )
    if found.noted_before != revisions[-1].name:
        to = f"--to-revision={numbers[found.noted_before]}"
        yield _change(service, f"takes {service.unit} back to {found.noted_before}", "rollout", "undo", to)
        # A Deployment gets its annotations of then back, too.
        yield _note(service, BEFORE, found.noted_before)
    return Switched((yield from _settled(service, found, within, pods)), (), found.noted_before)


def _settled(service: Service, found: Workload, within: float, pods: tuple[Pod, ...]) -> Action[Status]:
    """Wait like `start` where there are replicas; a stopped workload stays stopped until it is started."""
    if not found.replicas:
        return found.status(pods)
    yield from _unstick(service, pods)
    return (yield from _await(service, found, "start", within, pods))


def _await(
    service: Service, found: Workload, verb: str, within: float, before: tuple[Pod, ...]
) -> Action[Status]:
    """Wait until every replica is ready, or a pod that was not there before never will be."""
    known = {pod.uid for pod in before}

    def over(done: Done) -> bool:
        workload, pods = read_workload(done.text), read_pods(done.text)
        lost = any(pod.hopeless and pod.uid not in known for pod in pods)
        return lost or workload.status(pods).state == "running"

    look = Sh(
        "# look at the workload and its pods\n"
        "kind=$1 name=$2 facts=$3 selector=$4 pods=$5; shift 5; "
        '"$@" get "$kind" "$name" --output "jsonpath=$facts" && '
        '"$@" get pods --selector "$selector" --output "jsonpath=$pods"',
        *(_kind(service), service.unit, FACTS, found.selector, PODS, *_kubectl(service)),
        script=True,
        sudo=_sudo(service),
    )
    try:
        what = f"{service.unit} is ready"
        done: Done = yield Until(look, over, what, within=within, every=0.3, supposing=_SUPPOSED)
    except NotInTime:
        done = yield look
    workload, pods = read_workload(done.text), read_pods(done.text)
    now = workload.status(pods)
    if now.state != "running":
        stuck = [pod.name for pod in pods if pod.waiting][:1]
        whose = stuck or ["--selector", workload.selector]
        raise did_not(service, verb, now.detail, (yield from _logs(service, whose, LAST)))
    return now


def _unstick(service: Service, pods: tuple[Pod, ...]) -> Action[None]:
    """Delete the pods of a StatefulSet that do not run: it waits for them before it makes them anew."""
    stuck = [pod.name for pod in pods if pod.waiting]
    if stuck and _kind(service) == "statefulset":
        yield Sh(
            *(*_kubectl(service), "delete", "pods", "--wait=false", "--ignore-not-found", *stuck),
            sudo=_sudo(service),
            changes=f"deletes {', '.join(stuck)}, which {service.unit} makes anew",
            again="safe",
            supposing=Done(0),
        )


def _found(service: Service) -> Action[Workload]:
    done: Done = yield _get(service, _kind(service), service.unit, "--output", f"jsonpath={FACTS}", ok=(0, 1))
    if not done.rc:
        return read_workload(done.text)
    if "(NotFound)" not in done.complaint:
        raise StepFailed(
            f"{service.host}: expected the cluster to tell of {_name(service)}, found: {done.complaint}",
            do="Try the settings `context`, `namespace` and `kubeconfig` of the service with kubectl.",
        )
    listed: Done = yield _get(service, f"{_kind(service)}s", "--output", "name", ok=(0, 1))
    names = [line.rpartition("/")[2] for line in listed.text.splitlines()]
    raise StepFailed(
        f"{service.at}: expected the cluster to have {_name(service)}, found none"
        f"{' in the namespace ' + service.text('namespace') if 'namespace' in service.settings else ''}."
        + did_you_mean(service.unit, names),
        do="Correct `unit`, `kind` or `namespace` in the inventory.",
    )


def _pods(service: Service, found: Workload) -> Action[tuple[Pod, ...]]:
    return read_pods((yield _ask_pods(service, found)).text)


def _ask_pods(service: Service, found: Workload) -> Sh:
    return _get(service, "pods", "--selector", found.selector, "--output", f"jsonpath={PODS}")


def _revisions(service: Service, found: Workload) -> Action[list[Revision]]:
    """Return the revisions that are this workload's own, the newest last; there is at least one."""
    kind = "replicasets" if _kind(service) == "deployment" else "controllerrevisions"
    done: Done = yield _get(service, kind, "--selector", found.selector, "--output", f"jsonpath={REVISIONS}")
    ours = [each for each in read_revisions(done.text) if each.name.rpartition("-")[0] == service.unit]
    if not ours:
        raise StepFailed(
            f"{service.host}: expected {_name(service)} to have a revision, found none.",
            do="Its controller may not run: see `kubectl rollout history`.",
        )
    return ours


def _containers(service: Service, found: Workload) -> list[str]:
    named = [name for name in found.containers if name == service.text("container", name)]
    if not named:
        raise BadInventory(
            f"{service.at}: {_name(service)} has no container {service.text('container')}; "
            f"it has {', '.join(found.containers)}."
        )
    return named


def _logs(service: Service, whose: list[str], lines: int) -> Action[str]:
    done: Done = yield Sh(
        *(*_kubectl(service), "logs", *whose, "--tail", str(lines), "--prefix"),
        *("--all-containers", "--ignore-errors", "--max-log-requests", "50"),
        sudo=_sudo(service),
        ok=(0, 1),
    )
    return done.text


def _anew(service: Service) -> Sh:
    return _change(service, f"makes the pods of {service.unit} anew", "rollout", "restart")


def _note(service: Service, key: str, value: str) -> Sh:
    return Sh(
        *(*_kubectl(service), "annotate", _kind(service), service.unit, "--overwrite", f"{key}={value}"),
        sudo=_sudo(service),
        changes=f"notes {key}={value} on {service.unit}",
        again="safe",
        supposing=Done(0),
    )


def _change(service: Service, changes: str, *words: str) -> Sh:
    verb, options = [word for word in words if word[0] != "-"], [word for word in words if word[0] == "-"]
    return Sh(
        *(*_kubectl(service), *verb, _name(service), *options),
        sudo=_sudo(service),
        changes=changes,
        again="safe",
        supposing=Done(0),
    )


def _get(service: Service, *words: str, ok: tuple[int, ...] = (0,)) -> Sh:
    return Sh(*_kubectl(service), "get", *words, sudo=_sudo(service), ok=ok)


def _kubectl(service: Service) -> tuple[str, ...]:
    places = [(key, service.text(key, "")) for key in ("kubeconfig", "context", "namespace")]
    return ("kubectl", "--request-timeout=20s", *(f"--{key}={value}" for key, value in places if value))


def _name(service: Service) -> str:
    return f"{_kind(service)}/{service.unit}"


def _kind(service: Service) -> str:
    kind = service.text("kind", "deployment")
    if kind not in ("deployment", "statefulset"):
        raise BadInventory(
            f"{service.at}: kind of {service.system} on {service.host} should be deployment or statefulset, "
            f"found {kind}."
        )
    return kind


def _sudo(service: Service) -> bool:
    return "sudo" in service.settings and sudo(service)


_SUPPOSED = Done(0, b"replicas=1\ngeneration=1\nobserved=1\nall=1\nupdated=1\nready=1\n")
