"""What users do is done with a real chat service, and each thing that does not hold is named."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.payload.app_checks import VARIABLE, checked, contains
from agent.payload.bundle import program
from tests.subjects.local_chat import Chat

PASSWORD = "tiger-und-katze"
WHO = {"email": "check@drill.example", "name": "Check", "password": "{secret:0}"}
AUTH = {"Authorization": "Bearer {token}"}
ROOM = "/rooms/check"
SIGN_UP = {"name": "sign up", "post": "/users", "status": [201, 409], "json": WHO}
LOG_IN = {"name": "log in", "post": "/sessions", "status": 201, "json": WHO, "keep": {"token": "token"}}
ENTER = {"name": "enter", "put": ROOM, "json": {}, "headers": AUTH, "keep": {"me": "members.0"}}
LISTEN = {"name": "listen", "listen": "/ws", "say": {"token": "{token}"}, "hear": {"type": "ready"}}
SEND = {"name": "send", "post": f"{ROOM}/messages", "json": {"text": "{word}"}, "headers": AUTH}
HEAR = {"name": "receive", "hear": {"type": "message", "message": {"text": "{word}", "sender": "{me}"}}}
READ = {
    "name": "read",
    "get": f"{ROOM}/messages?limit=5",
    "headers": AUTH,
    "expect": {"json": {"text": "{word}"}, "text": "{word}"},
}
LOG_OUT = {"name": "log out", "delete": "/sessions", "headers": AUTH}
ALL = (SIGN_UP, LOG_IN, ENTER, LISTEN, SEND, HEAR, READ, LOG_OUT)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chat]:
    """A chat service with both of its databases."""
    service = Chat(tmp_path_factory.mktemp("chat"))
    try:
        service.start()
        yield service
    finally:
        service.stop()


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE + "0", PASSWORD)


def do(chat: Chat, *checks: dict[str, Any], seconds: float = 3) -> list[dict[str, Any]]:
    """Do them one after the other."""
    return checked({"url": chat.url, "seconds": seconds, "checks": list(checks)})


def test_everything_a_user_does(chat: Chat) -> None:
    """Sign up, log in, listen, send, receive by WebSocket, read back; a second time too."""
    for _ in range(2):
        done = do(chat, *ALL)
        assert [each["wrong"] for each in done] == [""] * len(ALL)
        assert [each["name"] for each in done] == [check["name"] for check in ALL]


def test_as_it_travels_to_a_host(chat: Chat) -> None:
    """One text on standard input of a bare python3, its secret in the environment."""
    spec = json.dumps({"url": chat.url, "checks": ALL})
    done = subprocess.run(
        [sys.executable, "-I", "-", spec],
        input=program("app_checks"),
        capture_output=True,
        check=True,
        env={"PATH": os.environ["PATH"], VARIABLE + "0": PASSWORD},
    )
    assert {each["wrong"] for each in json.loads(done.stdout)} == {""}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (LOG_IN | {"json": WHO | {"password": "guessed"}}, "expected 201, found 401"),
        (SEND | {"headers": {}}, "expected 2xx, found 401"),
        (SEND | {"status": [200, 202]}, "expected 200 or 202, found 201"),
        (LISTEN | {"say": {"token": "forged"}}, "it was closed: Say"),
        (LISTEN | {"listen": "/nowhere"}, "expected 101, found HTTP/1.1 4"),
        (HEAR, "timed out"),
        (READ | {"expect": {"text": "{word} and more"}}, "found something else"),
        (READ | {"expect": {"json": {"text": "never said"}}}, "'never said'"),
        (ENTER | {"keep": {"x": "members.7"}}, "expected members.7 in the answer, found no 7"),
        ({"name": "other", "get": "/health", "expect": {"text": "<html>"}}, "expected '<html>'"),
        ({"name": "other", "get": "/metrics", "expect": {"json": {}}}, "Expecting value"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value["name"]),
)
def test_what_does_not_hold_is_named(chat: Chat, wrong: dict[str, Any], said: str) -> None:
    """It is the last that is done, and says what was expected and found."""
    done = do(chat, SIGN_UP, LOG_IN, ENTER, LISTEN, wrong, SEND, seconds=0.5)
    assert said in done[-1]["wrong"]
    assert len(done) == 5
    assert PASSWORD not in json.dumps(done)


def test_nobody_to_hear_with(chat: Chat) -> None:
    """A mistake in the list of checks is said to be one."""
    assert "`listen` has to come first" in do(chat, HEAR)[-1]["wrong"]


def test_a_frozen_service(chat: Chat) -> None:
    """It takes the connection and answers nothing: that is not waited for."""
    chat.signal(signal.SIGSTOP)
    try:
        assert "timed out" in do(chat, LOG_IN, seconds=0.3)[-1]["wrong"]
        assert "timed out" in do(chat, LISTEN, seconds=0.3)[-1]["wrong"]
    finally:
        chat.signal(signal.SIGCONT)


def test_nobody_there(tmp_path: Path) -> None:
    """The words are the system's own."""
    done = checked({"url": "http://127.0.0.1:1", "checks": [LOG_IN]})
    assert "refused" in done[-1]["wrong"]
    done = checked({"url": "http://127.0.0.1:1", "checks": [LISTEN]})
    assert "refused" in done[-1]["wrong"]


@pytest.mark.parametrize(
    ("found", "wanted", "held"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([{"a": 1}, {"a": 2}], {"a": 2}, True),
        ([1, 2], [1, 2], True),
        ([1, 2], [1], False),
        ({"a": {"b": [{"c": "d"}]}}, {"a": {"b": {"c": "d"}}}, True),
        ("x", {"a": 1}, False),
        (True, True, True),
    ],
)
def test_contains(found: Any, wanted: Any, held: bool) -> None:
    """Part of a mapping, one of a list, or the same."""
    assert contains(found, wanted) is held
