"""Make a docker container anew with other variables, and keep the old one: `set|back NAME [VAR...]`.

The old container is kept as NAME.drillyard-before, and after `back` the new one as NAME.drillyard-after. A
variable is `VAR=value`, or `VAR` alone with its value in DRILLYARD_V_VAR. Ends with 0 and no output; 1 and a
sentence on stderr where it cannot be done.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from typing import Any
from urllib.parse import quote

_BEFORE, _NEW, _AFTER = ".drillyard-before", ".drillyard-new", ".drillyard-after"
_OF_OTHERS = {
    "com.docker.compose.project": "Compose made it: say `supervisor: compose`",
    "com.docker.swarm.service.id": "Swarm made it and would undo the change",
}

Facts = dict[str, Any]


class CannotDo(Exception):
    """It cannot be done, and why."""


class Engine:
    """The engine at a unix socket, by its own API: the one way to make a container exactly like another."""

    def __init__(self, path: str) -> None:
        """Nothing is sent yet."""
        self._path = path

    def ask(self, method: str, path: str, body: Facts | None = None, none: bool = False) -> Any:
        """Return the decoded answer, or None where there is no such thing and that is fine (`none`)."""
        connection = http.client.HTTPConnection("docker")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(self._path)
            sent = json.dumps(body).encode() if body is not None else None
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = answer.read()
        except OSError as error:
            raise CannotDo(f"the engine at {self._path} does not answer: {error}") from None
        finally:
            connection.close()
        if answer.status == 404 and none:
            return None
        if answer.status >= 400:
            said = json.loads(data or b"{}").get("message", data.decode("utf-8", "replace"))
            raise CannotDo(f"the engine answered {answer.status} to {method} {path}: {said}")
        return json.loads(data) if data.strip() else {}

    def container(self, name: str) -> Facts | None:
        """Return what the engine says of a container, or None where it has none of that name."""
        found: Facts | None = self.ask("GET", f"/containers/{quote(name)}/json", none=True)
        return found

    def change(self, container: Facts, what: str) -> None:
        """Do `stop`, `start` or `rename?name=NAME` to a container."""
        self.ask("POST", f"/containers/{container['Id']}/{what}")

    def remove(self, name: str) -> None:
        """Remove a container that does not run, its volumes left alone."""
        self.ask("DELETE", f"/containers/{quote(name)}", none=True)


def main(args: list[str]) -> int:
    """Do what the arguments say; return the exit code."""
    verb, name, *words = args
    try:
        engine = Engine(_socket())
        if verb == "set":
            _set(engine, name, dict(_value(word) for word in words))
        else:
            _back(engine, name)
    except CannotDo as reason:
        print(reason, file=sys.stderr)  # noqa: T201 - a sentence for the agent, on its own channel
        return 1
    return 0


def _socket() -> str:
    """Return the socket of the engine that the docker command here speaks to, whatever context it is in."""
    argv = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    except OSError as error:
        raise CannotDo(f"the docker command cannot be started: {error.strerror}") from None
    url = os.environ.get("DOCKER_HOST") or done.stdout.strip() or "unix:///var/run/docker.sock"
    if not url.startswith("unix://"):
        raise CannotDo(f"expected an engine on this host's own socket, found {url}")
    return url[len("unix://") :]


def _value(word: str) -> tuple[str, str]:
    name, given, value = word.partition("=")
    return name, value if given else os.environ[f"DRILLYARD_V_{name}"]


def _set(engine: Engine, name: str, values: dict[str, str]) -> None:
    old, new = engine.container(name), engine.container(name + _NEW)
    if old is None and new is None:
        raise CannotDo(f"there is no container {name}")
    if old is not None:
        before = dict(each.partition("=")[::2] for each in old["Config"].get("Env") or [])
        if {**before, **values} == before:
            engine.change(old, "start")
            return
        _refuse(old)
        engine.remove(name + _NEW)
        new = _make(engine, old, name + _NEW, {**before, **values})
        engine.remove(name + _BEFORE)
        engine.remove(name + _AFTER)
        _retire(engine, old, name + _BEFORE)
    # Where only the new one is there, an earlier try of ours ended between the two names.
    assert new is not None
    engine.change(new, f"rename?name={quote(name)}")
    engine.change(new, "start")


def _back(engine: Engine, name: str) -> None:
    now, before = engine.container(name), engine.container(name + _BEFORE)
    if before is not None:
        if now is not None:
            engine.remove(name + _AFTER)
            _retire(engine, now, name + _AFTER)
        engine.change(before, f"rename?name={quote(name)}")
        now = before
    elif now is None or engine.container(name + _AFTER) is None:
        raise CannotDo(f"there is no container {name}{_BEFORE} to go back to")
    engine.change(now, "start")


def _refuse(old: Facts) -> None:
    for label, why in _OF_OTHERS.items():
        if label in (old["Config"].get("Labels") or {}):
            raise CannotDo(why)
    if old["HostConfig"].get("AutoRemove"):
        raise CannotDo("it was started with --rm, so that stopping it would delete it")


def _retire(engine: Engine, container: Facts, name: str) -> None:
    """Stop a container for good, whatever its restart policy, and give it another name."""
    if container["HostConfig"]["RestartPolicy"]["Name"] in ("always", "on-failure"):
        policy = {"RestartPolicy": {"Name": "unless-stopped"}}
        engine.ask("POST", f"/containers/{container['Id']}/update", policy)
    engine.change(container, "stop")
    engine.change(container, f"rename?name={quote(name)}")


def _make(engine: Engine, old: Facts, name: str, env: dict[str, str]) -> Facts:
    """Create a container like `old` but for its environment; the engine's word for it is compared."""
    config = {key: value for key, value in old["Config"].items() if not _made_up(key, old)}
    image = engine.ask("GET", f"/images/{quote(config['Image'])}/json", none=True)
    if image is None or image["Id"] != old["Image"]:
        # The tag leads to another image by now; the environment alone is to change.
        config["Image"] = old["Image"]
    first, *others = _networks(old)
    body = {
        **config,
        "Env": [f"{key}={value}" for key, value in env.items()],
        "HostConfig": _with_volumes(old),
        "NetworkingConfig": {"EndpointsConfig": dict([first]) if first[0] else {}},
    }
    made = engine.ask("POST", f"/containers/create?name={quote(name)}", body)
    try:
        for network, endpoint in others:
            sent = {"Container": made["Id"], "EndpointConfig": endpoint}
            engine.ask("POST", f"/networks/{quote(network)}/connect", sent)
        new = engine.container(made["Id"]) or {}
        _compare(old, new)
    except CannotDo:
        engine.remove(name)
        raise
    return new


def _made_up(key: str, old: Facts) -> bool:
    """Tell what the engine made of the container's id, or knows better itself."""
    return key == "Hostname" and str(old["Id"]).startswith(str(old["Config"][key]))


def _networks(old: Facts) -> list[tuple[str, Facts]]:
    """Return the networks with what was asked of each, the one it is created in first ("" = none)."""
    mode = old["HostConfig"]["NetworkMode"]
    if mode in ("host", "none") or mode.startswith("container:"):
        return [("", {})]
    mode = "bridge" if mode == "default" else mode
    found = {}
    for name, endpoint in old["NetworkSettings"]["Networks"].items():
        aliases = [each for each in endpoint.get("Aliases") or [] if not old["Id"].startswith(each)]
        kept = {key: endpoint.get(key) for key in ("IPAMConfig", "Links", "DriverOpts")}
        found[name] = {**kept, "Aliases": aliases or None}
    return sorted(found.items(), key=lambda each: each[0] != mode) or [("", {})]


def _with_volumes(old: Facts) -> Facts:
    """Return the old HostConfig with the anonymous volumes named, so that their data comes along."""
    host: Facts = json.loads(json.dumps(old["HostConfig"]))
    names = {each["Destination"]: each for each in old["Mounts"] if each["Type"] == "volume"}
    for mount in host.get("Mounts") or []:
        if mount["Type"] == "volume" and not mount.get("Source") and mount["Target"] in names:
            mount["Source"] = names[mount["Target"]]["Name"]
    asked = {each.split(":")[1] for each in host.get("Binds") or [] if ":" in each}
    asked |= {mount["Target"] for mount in host.get("Mounts") or []}
    extra = [
        f"{each['Name']}:{path}" + ("" if each["RW"] else ":ro")
        for path, each in names.items()
        if path not in asked
    ]
    if extra:
        host["Binds"] = [*(host.get("Binds") or []), *extra]
    return host


def _compare(old: Facts, new: Facts) -> None:
    def settings(facts: Facts) -> Facts:
        kept = {key: value for key, value in facts["HostConfig"].items() if key not in ("Binds", "Mounts")}
        config = {
            key: value for key, value in facts["Config"].items() if key not in ("Env", "Hostname", "Image")
        }
        mounts = sorted((each["Destination"], each.get("Name") or each["Source"]) for each in facts["Mounts"])
        networks = sorted(facts["NetworkSettings"]["Networks"])
        return {**kept, **config, "image": facts["Image"], "mounts": mounts, "networks": networks}

    was, now = settings(old), settings(new)
    other = sorted(key for key in was if was[key] != now.get(key))
    if other:
        raise CannotDo(f"a container made anew would differ in {', '.join(other)}; nothing was changed")
