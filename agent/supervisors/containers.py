"""Containers of a docker engine, as docker and compose share them: looked at, awaited, kept down."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.errors import BadInventory, NotInTime, StepFailed
from agent.inventory.model import Service
from agent.supervisors import LAST, LOOPS, STEADY, Status, did_not
from agent.transport.ask import Action, Done, Sh, Until

# No whole `docker inspect`: it holds the environment, and what an ask answers stands in the journal.
_FORMAT = (
    "id={{.ID}} name={{.Name}} state={{.State.Status}} pid={{.State.Pid}} code={{.State.ExitCode}} "
    "oom={{.State.OOMKilled}} restarts={{.RestartCount}} started={{.State.StartedAt}} "
    "policy={{.HostConfig.RestartPolicy.Name}} remove={{.HostConfig.AutoRemove}} "
    "health={{if .State.Health}}{{.State.Health.Status}}{{end}} error={{json .State.Error}}"
)
_ENDED_WELL = (0, 130, 137, 143)  # by itself, or as `docker stop` ends a process that listens, or does not


@dataclass(frozen=True)
class Container:
    """One container as its engine describes it; `up` is for how many seconds it has run."""

    id: str
    name: str
    status: Status
    policy: str
    removes_itself: bool
    health: str
    up: float

    @property
    def settled(self) -> bool:
        """Whether, being started, it has come to where it stays: up, given up, or in a crash loop."""
        if self.status.state == "running":
            return self.health in ("healthy", "unhealthy") or self.up >= STEADY
        return self.status.state in ("stopped", "failed") or self.status.restarts >= LOOPS


def sudo(service: Service) -> bool:
    """Return whether the supervisor's command runs as root: setting `sudo`, true where it is not said.

    Raises:
        BadInventory: it is neither true nor false.
    """
    value = service.settings.get("sudo", True)
    if not isinstance(value, bool):
        raise BadInventory(
            f"{service.at}: sudo of {service.system} on {service.host} should be true or false."
        )
    return value


def look(service: Service, names: Sequence[str]) -> Sh:
    """Return the ask whose answer `read` reads; code 1 says that one of the containers is not there."""
    return Sh(
        'docker container inspect --format "$@" && date +%s.%N',
        *(_FORMAT, *names),
        script=True,
        sudo=sudo(service),
        ok=(0, 1),
    )


def read(done: Done) -> list[Container]:
    """Return the containers of an answer to `look`."""
    *lines, now = done.text.splitlines() or [""]
    return [_read(line, _now(now)) for line in lines]


def together(containers: Sequence[Container]) -> Status:
    """Return the one status of a service of several containers: that of the worst, the restarts of all."""
    if not containers:
        return Status("stopped", enabled=False, detail="no container has been created yet")
    order = ("failed", "starting", "stopped", "unknown", "running")
    worst = min(containers, key=lambda each: order.index(each.status.state)).status
    several = f"{len(containers)} containers, the worst: " if len(containers) > 1 else ""
    return Status(
        state=worst.state,
        enabled=all(each.status.enabled for each in containers),
        pid=next((each.status.pid for each in containers if each.status.pid), 0),
        restarts=sum(each.status.restarts for each in containers),
        detail=several + worst.detail,
        since=worst.since,
    )


def await_start(service: Service, names: Sequence[str], verb: str, within: float) -> Action[Status]:
    """Wait until the containers run and have stayed up, or are healthy where they have a health check.

    Raises:
        StepFailed: one of them did not; the sentence carries the last lines of its log.
    """
    try:
        done: Done = yield Until(
            look(service, names),
            lambda done: done.rc == 0 and all(each.settled for each in read(done)),
            f"{service.unit} is running",
            within=within,
            supposing=_SUPPOSED,
        )
    except NotInTime:
        done = yield look(service, names)
    found = read(done)
    for each in found:
        if each.status.state != "running" or each.health == "unhealthy":
            raise did_not(service, verb, each.status.detail, (yield from log_of(service, each.id, LAST)))
    return together(found)


def keep_down(service: Service, containers: Sequence[Container]) -> Action[None]:
    """See that a restart of the engine does not start stopped containers again.

    `unless-stopped` is `always` in all but that, so it can stay when the container is started again. An
    engine that restarts takes a code other than 0 for a failure, that of a stop too.
    """
    always = [each.name for each in containers if each.policy in ("always", "on-failure")]
    if always:
        yield Sh(
            *("docker", "update", "--restart", "unless-stopped", *always),
            sudo=sudo(service),
            changes=f"has {', '.join(always)} stay down when the engine restarts, by `unless-stopped`",
            again="safe",
        )


def enable(service: Service, containers: Sequence[Container]) -> Action[None]:
    """Have containers start with their host."""
    for_now = [each.name for each in containers if not each.status.enabled]
    if for_now:
        yield Sh(
            *("docker", "update", "--restart", "unless-stopped", *for_now),
            sudo=sudo(service),
            changes=f"has {', '.join(for_now)} start with its host",
            again="safe",
        )


def kill(service: Service, containers: Sequence[Container]) -> Action[None]:
    """End every process of the containers that run."""
    refuse_unkept(service, containers)
    alive = [each.id for each in containers if each.status.pid]
    if alive:
        yield Sh(
            *("docker", "kill", *alive),
            sudo=sudo(service),
            changes=f"ends every process of {service.unit}",
            again="safe",
            ok=(0, 1),
            supposing=Done(0),
        )


def await_stop(service: Service, names: Sequence[str], within: float) -> Action[list[Container]]:
    """Wait until no process of the containers is left."""
    done: Done = yield Until(
        look(service, names),
        lambda done: not any(each.status.pid for each in read(done)),
        f"{service.unit} has stopped",
        within=within,
        supposing=Done(0, _SUPPOSED.out.replace(b"running pid=1", b"exited pid=0")),
    )
    return read(done)


def log_of(service: Service, name: str, lines: int) -> Action[str]:
    """Return the newest lines of one container's log, both of its outputs."""
    done: Done = yield Sh(
        'docker logs --timestamps --tail "$2" "$1" 2>&1', *(name, str(lines)), script=True, sudo=sudo(service)
    )
    return done.text


def refuse_unkept(service: Service, containers: Sequence[Container]) -> None:
    """Raise StepFailed where stopping a container would delete it."""
    for each in containers:
        if each.removes_itself:
            raise StepFailed(
                f"{service.at}: expected {each.name} on {service.host} to outlive a stop, found it started "
                "with --rm: stopping deletes it.",
                do="Start it without --rm, then run again; `docker update` cannot change that.",
            )


def _read(line: str, now: float) -> Container:
    words, _, error = line.partition(" error=")
    facts = dict(word.split("=", 1) for word in words.split(" ")) | {"error": json.loads(error)}
    began = facts["started"]
    up = now - _seconds(began) if now else STEADY
    status = Status(
        state=_state(facts, up),
        enabled=facts["policy"] in ("always", "unless-stopped"),
        pid=int(facts["pid"]),
        restarts=int(facts["restarts"]),
        detail=_detail(facts),
        since=began if facts["state"] != "created" else "",
    )
    name = facts["name"].removeprefix("/")
    return Container(
        facts["id"], name, status, facts["policy"], facts["remove"] == "true", facts["health"], up
    )


def _state(facts: dict[str, str], up: float) -> str:
    match facts["state"]:
        case "running":
            # In a crash loop it runs for a moment now and then.
            looping = facts["restarts"] != "0" and up < STEADY
            return "starting" if facts["health"] == "starting" or looping else "running"
        case "restarting":
            return "starting"
        case "created" | "removing":
            return "failed" if facts["error"] else "stopped"
        case "exited":
            ended_well = int(facts["code"]) in _ENDED_WELL and facts["oom"] != "true" and not facts["error"]
            return "stopped" if ended_well else "failed"
        case "dead":
            return "failed"
    return "unknown"


def _detail(facts: dict[str, str]) -> str:
    words = [facts["state"], facts["health"]]
    words += [f"code {facts['code']}"] if facts["state"] in ("exited", "restarting", "dead") else []
    words += ["out of memory"] if facts["oom"] == "true" else []
    words += [facts["error"]] if facts["error"] else []
    words += [f"restarted {facts['restarts']} times"] if facts["restarts"] != "0" else []
    words += [f"since {facts['started']}"] if facts["state"] == "running" else []
    return ", ".join(word for word in words if word)


def _now(text: str) -> float:
    """Return what date(1) said; a simple one knows no fractions of a second."""
    found = re.match(r"\d+(?:\.\d+)?", text)
    return float(found[0]) if found else 0.0


def _seconds(text: str) -> float:
    """Return a time of the engine, which counts in nanoseconds, in seconds since 1970."""
    whole, _, rest = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{rest or 0}")


_SUPPOSED = Done(
    0,
    b"id=0 name=/supposed state=running pid=1 code=0 oom=false restarts=0 "
    b'started=1970-01-01T00:00:00Z policy=no remove=false health= error=""\n9999999999.0\n',
)
