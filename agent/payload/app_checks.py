"""Do with an application what its users do, check by check, and stop at the first that fails.

python3 -I - '{"url": "https://127.0.0.1:8000", "checks": [{"name": "log in", "post": "/sessions", ...}]}'

A check is a request (`get`, `post`, `put`, `delete`: a path, with `json` and `headers`), the opening of a
WebSocket (`listen`: a path, with `say`), or a message that has to be heard on it (`hear`). `status` is the
code that is expected (or several; any 2xx), `json` of `expect` what the answer must contain, `text` what must
stand in it; `keep` gives parts of the answer a name. In every text `{name}` is what was kept under that name,
`{word}` a word that nobody has used before, and `{secret:n}` a secret from the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from agent.payload.visit import trouble, visit
from agent.payload.websocket import Listener, Refused

VARIABLE = "DRILLYARD_S_"
_VERBS = ("get", "post", "put", "delete")


class Wrong(Exception):
    """What was answered is not what was expected; the sentence says both."""


class Checks:
    """One round of checks."""

    def __init__(self, spec: dict[str, Any]) -> None:
        """`spec` has `url` and what `visit` takes."""
        self._spec = spec
        self._words = {"word": os.urandom(8).hex()}
        for name, value in os.environ.items():
            if name.startswith(VARIABLE):
                self._words["secret:" + name[len(VARIABLE) :]] = value
        self._listener: Listener | None = None

    def one(self, check: dict[str, Any]) -> None:
        """Do one check; raises Wrong, Refused or OSError where it fails."""
        verb = next((each for each in _VERBS if each in check), "")
        if verb:
            self._request(verb, check)
        if "listen" in check:
            self._listener = Listener(self._url(check["listen"]), self._with(check))
            if "say" in check:
                self._listener.say(json.dumps(self._filled(check["say"])))
        if "hear" in check:
            self._hear(self._filled(check["hear"]))

    def close(self) -> None:
        """Let go of the WebSocket."""
        if self._listener is not None:
            self._listener.close()

    def _request(self, verb: str, check: dict[str, Any]) -> None:
        options = self._with(check)
        if "json" in check:
            options["body"] = json.dumps(self._filled(check["json"])).encode()
            options["headers"] = {"Content-Type": "application/json", **options["headers"]}
        answer = visit(self._url(check[verb]), {**options, "method": verb.upper()})
        if answer["trouble"]:
            raise Wrong(f"no answer: {answer['detail']}")
        wanted = check.get("status", range(200, 300))
        codes = [wanted] if isinstance(wanted, int) else wanted
        if answer["status"] not in codes:
            said = "2xx" if codes == range(200, 300) else " or ".join(map(str, codes))
            raise Wrong(f"expected {said}, found {answer['status']}: {answer['body'][:120]}")
        expected = self._filled(check.get("expect", {}))
        if "text" in expected and expected["text"] not in answer["body"]:
            raise Wrong(f"expected {check['expect']['text']!r} in the answer, found something else")
        if "json" in expected or "keep" in check:
            found = json.loads(answer["body"])
            if "json" in expected and not contains(found, expected["json"]):
                # A good answer may hold a token, and what was expected too: neither is shown.
                raise Wrong(f"expected {check['expect']['json']!r} in the answer, found something else")
            for name, path in check.get("keep", {}).items():
                self._words[name] = str(_part(found, path))

    def _hear(self, wanted: Any) -> None:
        if self._listener is None:
            raise Wrong("there is no WebSocket to hear it on; a check with `listen` has to come first")
        seconds = float(self._spec.get("seconds", 5))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if contains(json.loads(self._listener.hear(end - time.monotonic())), wanted):
                return
        raise Wrong(f"what was expected was not heard in {seconds:g} s")

    def _with(self, check: dict[str, Any]) -> dict[str, Any]:
        return {**self._spec, "headers": self._filled(check.get("headers", {}))}

    def _url(self, path: str) -> str:
        return str(self._spec["url"]) + str(self._filled(path))

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._filled(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, str):
            for name, word in self._words.items():
                value = value.replace("{" + name + "}", word)
        return value


def contains(found: Any, wanted: Any) -> bool:
    """Say whether `found` is `wanted`, or has it: part of a mapping, one of a list."""
    if isinstance(found, list) and not isinstance(wanted, list):
        return any(contains(each, wanted) for each in found)
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            name in found and contains(found[name], each) for name, each in wanted.items()
        )
    return bool(found == wanted)


def _part(found: Any, path: str) -> Any:
    for name in path.split("."):
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, TypeError, ValueError):
            raise Wrong(f"expected {path} in the answer, found no {name}") from None
    return found


def checked(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Do the checks in their order; return name, seconds and `wrong` ("" = it held) of each that was done."""
    checks, done = Checks(spec), []
    try:
        for check in spec["checks"]:
            began = time.monotonic()
            wrong = ""
            try:
                checks.one(check)
            except (Wrong, Refused, ValueError) as error:
                wrong = str(error)
            except OSError as error:
                wrong = trouble(error)[1]
            seconds = round(time.monotonic() - began, 3)
            done.append({"name": check["name"], "seconds": seconds, "wrong": wrong})
            if wrong:
                break
    finally:
        checks.close()
    return done


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says and print how each check went as JSON."""
    json.dump(checked(json.loads(argv[0])), sys.stdout)
    return 0
