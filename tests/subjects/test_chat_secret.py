"""The chat application reads where MongoDB is in a secret, and goes where that is switched (SIMULATED)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pymongo
import pytest

from agent.providers.aws.switching import back, switch
from drills.stacks.images.chat_host.chat import secret_store
from drills.stacks.images.chat_host.chat.settings import Settings
from tests.secrets_manager import ACCESS, Manager
from tests.subjects.local_chat import APP, PYTHON, Chat, Mongo

NEW = {"email": "a@example.com", "name": "a", "password": "correct horse battery"}


@pytest.fixture
def told(manager: Manager) -> Callable[[str], dict[str, str]]:
    """What the environment of an application says that reads a secret."""

    def environment(secret: str) -> dict[str, str]:
        return {
            "PROCESSES": "1",
            "MONGO_SECRET_ID": secret,
            "AWS_REGION": "ap-northeast-2",
            "AWS_ENDPOINT_URL": manager.url,
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": ACCESS,
        }

    return environment


class Told(Chat):
    """The application with an environment that names a secret in the place of an address."""

    more: dict[str, str]

    def environment(self) -> dict[str, str]:
        """Without the address."""
        return {key: value for key, value in super().environment().items() if key != "MONGO_URI"} | self.more

    def again(self) -> None:
        """Restart it, as its supervisor would."""
        self.signal(9)
        assert self.process is not None
        self.process.wait()
        self.start_alone()
        self.wait(200)


@pytest.fixture
def chat(tmp_path: Path) -> Iterator[Told]:
    """The application, which is not started yet."""
    made = Told(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[Mongo]:
    """A second, empty server."""
    (tmp_path / "spare").mkdir()
    server = Mongo(tmp_path / "spare")
    server.start()
    yield server
    server.kill()


def _users(mongo: Mongo) -> int:
    with pymongo.MongoClient[dict[str, Any]](mongo.uri) as client:
        return client["chatdb"].users.count_documents({})


def test_it_goes_where_the_secret_says(
    chat: Told, spare: Mongo, manager: Manager, told: Callable[[str], dict[str, str]]
) -> None:
    """Switched and restarted its users are on the other server; switched back, on the first again."""
    vault = manager.made(json.dumps({"mongo_uri": chat.mongo.uri, "user": "chat"}))
    chat.more = told(vault.name)
    chat.start()
    assert httpx.post(f"{chat.url}/users", json=NEW).status_code == 201
    assert (_users(chat.mongo), _users(spare)) == (1, 0)
    switch(vault, "mongo_uri", spare.uri)
    chat.again()
    assert httpx.post(f"{chat.url}/users", json=NEW).status_code == 201, "she is not known there"
    assert (_users(chat.mongo), _users(spare)) == (1, 1)
    back(vault, "mongo_uri")
    chat.again()
    assert httpx.post(f"{chat.url}/users", json=NEW).status_code == 409, "she is known here"


def test_it_says_why_it_cannot_start(told: Callable[[str], dict[str, str]]) -> None:
    """In one line, as its supervisor shows it."""
    done = subprocess.run(
        [PYTHON, "-m", "chat", "check"],
        cwd=APP,
        env={**os.environ, **told("nobody/has-this"), "REDIS_URL": "redis://127.0.0.1:1/0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "chat: the secret nobody/has-this: ResourceNotFoundException.\n"


@pytest.mark.parametrize(
    "text", ['{"uri": "mongodb://u:hunter2hunter2@x/"}', "[1]", "mongodb://u:hunter2hunter2@x/"]
)
def test_a_secret_without_the_address_is_not_shown(
    manager: Manager, told: Callable[[str], dict[str, str]], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is expected in it is said, and nothing of what is."""
    vault = manager.made(text)
    for name, value in told(vault.name).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit, match="expected mongo_uri in the JSON") as ended:
        secret_store.read(told(vault.name))
    assert "hunter2" not in str(ended.value)


def test_the_address_stays_out_of_what_is_printed(
    manager: Manager, told: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings read it anew at each start, and never show it."""
    vault = manager.made()
    for name, value in told(vault.name).items():
        monkeypatch.setenv(name, value)
    settings = Settings.of({**told(vault.name), "REDIS_URL": "redis://127.0.0.1:1/0"})
    assert "old-password-1" in settings.mongo_uri
    assert "old-password-1" not in repr(settings)
