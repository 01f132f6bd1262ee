"""Make a docker container anew with other variables, beside the old one: `recreate.py set|back NAME [VAR...]`.

The old container is kept as NAME.drillyard-before. A variable is `VAR=value`, or `VAR` alone with its value in
DRILLYARD_V_VAR. Ends with 0 and no output; 1 and a sentence on stderr where it cannot be done.
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

_BEFORE, _NEW = ".drillyard-before", ".drillyard-new"
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
        """Do `stop`, `start` or `rename?name=...` to a container."""
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
    old = engine.container(name)
    new = engine.container(name + _NEW)
    if old is None and new is not None:
        # An earlier try ended between the two renames.
        _take_place(engine, name, new)
        return
    if old is None:
        raise CannotDo(f"there is no container {name}")
    if new is not None:
        engine.remove(name + _NEW)
    before = dict(word.partition("=")[::2] for word in old["Config"].get("Env") or [])
    if {**before, **values} == before:
        engine.change(old, "start")
        return
    _refuse(old)
    new = _make(engine, old, name + _NEW, {**before, **values})
    engine.remove(name + _BEFORE)
    _retire(engine, old, name)
    _take_place(engine, name, new)


def _back(engine: Engine, name: str) -> None:
    now, before = engine.container(name), engine.container(name + _BEFORE)
    if now is None and before is not None and engine.container(name + _NEW):
        # An earlier try ended after the first rename.
        now = None
    elif before is None:
        raise CannotDo(f"there is no container {name}{_BEFORE} to go back to")
    policy = (now or before or {})["HostConfig"]["RestartPolicy"]
    if now is not None:
        engine.change(now, "stop")
        engine.change(now, f"rename?name={quote(name + _NEW)}")
    if before is None:
        raise CannotDo(f"there is no container {name}{_BEFORE} to go back to")
    engine.ask("POST", f"/containers/{before['Id']}/update", {"RestartPolicy": policy})
    engine.change(before, f"rename?name={quote(name)}")
    engine.change(before, "start")
    left = engine.container(name + _NEW)
    if left is not None:
        engine.ask("POST", f"/containers/{left['Id']}/update", {"RestartPolicy": {"Name": "no"}})
        engine.change(left, f"rename?name={quote(name + _BEFORE)}")
