"""compose: services of a Compose project on their host, by `docker compose` or `docker-compose` 2 or newer.

In the inventory: `supervisor: compose`, `unit: api` (the service's name in the compose file). Settings:

- `project_dir`: the folder of the compose file on the host. Needed.
- `file`: the compose file, where it is not one that Compose finds there itself; relative to `project_dir`.
- `project`: the project's name, where it is not the folder's.
- `env_file`: the file that `set_env` writes, relative to `project_dir` (default `.env`). The compose file
  must take the variables from it: by `env_file:` or as `${NAME}`. `set_env` sees to it that the containers
  have them; where they have not, it puts the file back and says so. Another service of the project that
  takes them too gets them when it is brought up next.
- `sudo`: whether the docker command runs as root (default true).
"""

from __future__ import annotations

import posixpath
import re

from agent.errors import StepFailed
from agent.inventory.model import Service
from agent.naming import did_you_mean
from agent.supervisors import Status, Switched, Values, containers, did_not, environment
from agent.supervisors.containers import Container, sudo
from agent.transport.ask import Action, Done, Sh

# Version 1 of docker-compose, which no longer gets repairs, ends with another number.
_WHICH = (
    "v=$(docker compose version --short 2>/dev/null) && echo docker compose $v || "
    "{ v=$(docker-compose version --short) && echo docker-compose $v; }"
)
# Whether the containers in $1 (one a line) have the variables: a loop of builtins, so that no value of
# theirs stands in an argv.
_HAVE = r"""# compare the environment of the containers with the one they are to have
set -euf
ids=$1
shift
for id in $ids; do
  have=$(docker container inspect --format '{{range .Config.Env}}{{println .}}{{end}}' "$id")
  for word; do
    name=${word%%=*}
    case $word in *=*) ;; *) eval "word=\$name=\$DRILLYARD_V_$name" ;; esac
    printf '%s\n' "$have" | {
      while IFS= read -r line; do [ "$line" != "$word" ] || exit 0; done
      exit 1
    } || { echo "$name" >&2; exit 3; }
  done
done
"""


def status(service: Service) -> Action[Status]:
    """Ask the engine how the service's containers are; of several the worst counts.

    Raises:
        StepFailed: the project has no such service, or there is no Compose.
    """
    return containers.together((yield from _containers(service, (yield from _compose(service)))))


def start(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Start the service's containers as they are, or create them, and wait until they run.

    The services it depends on are left alone.

    Raises:
        StepFailed: it did not start; the sentence carries the last lines of its log.
    """
    compose = yield from _compose(service)
    found = yield from _containers(service, compose)
    if any(each.status.state == "starting" and not each.status.pid for each in found):
        return (yield from _raise(service, (*compose, "restart", "--no-deps"), "start", within))
    up = ("up", "--detach", "--no-deps", "--no-recreate", "--no-build")
    return (yield from _raise(service, (*compose, *up), "start", within))


def restart(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Restart the service's containers as they are and wait until they run; raises like `start`."""
    compose = yield from _compose(service)
    if not (yield from _containers(service, compose)):
        return (yield from start(service, within=within))
    return (yield from _raise(service, (*compose, "restart", "--no-deps"), "restart", within))


def stop(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Stop the service's containers, a crash loop too, and see that a restarting engine leaves them alone.

    Raises:
        TimedOut, NotInTime: they had not stopped `within` seconds.
    """
    compose = yield from _compose(service)
    found = yield from _containers(service, compose)
    if not found:
        return containers.together(found)
    yield Sh(
        *(*compose, "stop", service.unit),
        sudo=sudo(service),
        changes=f"stops {service.unit}",
        again="safe",
        timeout=within,
    )
    ended = yield from containers.await_stop(service, [each.id for each in found], within)
    yield from containers.keep_down(service, ended)
    return containers.together(ended)


def kill(service: Service) -> Action[None]:
    """End every process of the service's containers at once; the engine does not start them anew."""
    yield from containers.kill(service, (yield from _containers(service, (yield from _compose(service)))))


def enable(service: Service) -> Action[Status]:
    """Have the service's containers start with their host; the compose file's `restart` is not changed."""
    found = yield from _containers(service, (yield from _compose(service)))
    yield from containers.enable(service, found)
    return (yield from status(service))


def logs(service: Service, *, lines: int = 100) -> Action[str]:
    """Return the newest lines of the service's log, of all of its containers."""
    compose = yield from _compose(service)
    yield from _containers(service, compose)
    done: Done = yield Sh(
        *(*compose, "logs", "--no-color", "--timestamps", "--tail", str(lines), service.unit),
        sudo=sudo(service),
    )
    return done.text


def set_env(service: Service, values: Values, *, within: float = 60.0) -> Action[Switched]:
    """Set variables in the project's file of environment, keep the file of before, and bring the service up.

    Raises:
        StepFailed: the compose file does not take the variables from that file (it was put back), or the
            service did not start with them.
    """
    compose = yield from _compose(service)
    yield from _containers(service, compose)
    yield environment.write(_env_file(service), values, "compose", sudo=sudo(service))
    now = yield from _up(service, compose, within)
    missing = yield from _missing(service, compose, values)
    if missing:
        yield environment.put_back(_env_file(service), sudo=sudo(service))
        yield from _up(service, compose, within)
        raise StepFailed(
            f"{service.host}: expected {service.unit} to take {missing} from {_env_file(service)}, found "
            "that its containers have another value; the file is as it was before.",
            do=f"Take it from there in the compose file (`env_file:`, or {missing}: ${{{missing}}}), or name "
            "the right file as `env_file` in the inventory.",
        )
    return Switched(now, tuple(values), environment.kept(_env_file(service)))


def restore_env(service: Service, *, within: float = 60.0) -> Action[Switched]:
    """Put the file of environment of before back, and bring the service up with it."""
    compose = yield from _compose(service)
    yield environment.put_back(_env_file(service), sudo=sudo(service))
    now = yield from _up(service, compose, within)
    return Switched(now, (), environment.kept(_env_file(service)))


def _up(service: Service, compose: tuple[str, ...], within: float) -> Action[Status]:
    up = (*compose, "up", "--detach", "--no-deps", "--no-build")
    return (yield from _raise(service, up, "start", within))


def _missing(service: Service, compose: tuple[str, ...], values: Values) -> Action[str]:
    """Return the name of a variable that a container has not; "" means that they have them all."""
    done: Done = yield Sh(
        *compose, "ps", "--all", "--quiet", service.unit, sudo=sudo(service), supposing=_NONE
    )
    seen: Done = yield Sh(
        *(_HAVE, done.text, *environment.words(values)),
        script=True,
        secrets=environment.secrets(values),
        sudo=sudo(service),
        ok=(0, 3),
        supposing=_NONE,
    )
    return seen.complaint if seen.rc else ""


def _raise(service: Service, words: tuple[str, ...], verb: str, within: float) -> Action[Status]:
    compose = words[: next(n for n, word in enumerate(words) if word in ("up", "restart"))]
    began: Done = yield Sh(
        *(*words, service.unit),
        sudo=sudo(service),
        changes=f"{verb}s {service.unit}",
        again="safe",
        ok=(0, 1),
        timeout=within,
        supposing=_NONE,
    )
    done: Done = yield Sh(
        *compose, "ps", "--all", "--quiet", service.unit, sudo=sudo(service), supposing=_NONE
    )
    ids = done.text.split()
    if began.rc or not ids:
        last = (yield from containers.log_of(service, ids[0], 5)) if ids else ""
        raise did_not(service, verb, began.complaint, last)
    return (yield from containers.await_start(service, ids, verb, within))


def _compose(service: Service) -> Action[tuple[str, ...]]:
    """Return the words that every Compose command for the project begins with."""
    done: Done = yield Sh(_WHICH, script=True, sudo=sudo(service), ok=(0, 1, 127))
    found = re.fullmatch(r"(docker compose|docker-compose) v?(\d+)\.\S*", done.text)
    if done.rc or found is None or int(found[2]) < 2:
        raise StepFailed(
            f"{service.host}: expected Compose 2 or newer, found {done.text or done.complaint}.",
            do="Install the docker-compose-plugin of your engine on the host.",
        )
    folder = service.text("project_dir")
    words = [*found[1].split(), "--ansi", "never", "--project-directory", folder]
    if file := service.text("file", ""):
        words += ["--file", posixpath.join(folder, file)]
    if project := service.text("project", ""):
        words += ["--project-name", project]
    return tuple(words)


def _containers(service: Service, compose: tuple[str, ...]) -> Action[list[Container]]:
    """Return the service's containers, none where it was never started.

    Compose itself says nothing of a service that its file does not name.
    """
    listed: Done = yield Sh(*compose, "--profile", "*", "config", "--services", sudo=sudo(service))
    if service.unit not in listed.text.split():
        raise StepFailed(
            f"{service.at}: expected {service.text('project_dir')} on {service.host} to have the service "
            f"{service.unit}, found {', '.join(sorted(listed.text.split())) or 'none'}."
            + did_you_mean(service.unit, listed.text.split()),
            do="Correct `unit` in the inventory.",
        )
    done: Done = yield Sh(*compose, "ps", "--all", "--quiet", service.unit, sudo=sudo(service))
    ids = done.text.split()
    return containers.read((yield containers.look(service, ids))) if ids else []


def _env_file(service: Service) -> str:
    return posixpath.join(service.text("project_dir"), service.text("env_file", ".env"))


_NONE = Done(0, b"0\n")
