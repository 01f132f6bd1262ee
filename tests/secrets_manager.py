"""moto's server as AWS Secrets Manager, and an inventory whose application reads its address there."""

from __future__ import annotations

import itertools
import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.inventory import read_inventory
from agent.inventory.model import Service

if TYPE_CHECKING:
    from agent.providers.aws.vault import Vault

ACCESS = "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY"
OLD = "mongodb://chat:old-password-1@mongo1:27017/chatdb"
NEW = "mongodb://chat:new-password-2@mongo-dr:27017/chatdb"
_numbers = itertools.count(1)


@dataclass
class Manager:
    """moto's server at `url`; each secret of a test has a name of its own."""

    url: str
    opened: Vault | None = None

    def spec(self, secret: str) -> dict[str, Any]:
        """What the program is told."""
        return {
            "secret": secret,
            "region": "ap-northeast-2",
            "endpoint": self.url,
            "profile": "",
            "access_id": "AKIDEXAMPLE",
        }

    def vault(self, secret: str = "") -> Vault:
        """The secret of that name, or of one that nobody has had yet."""
        from agent.providers.aws.vault import Vault

        name = secret or f"chat-app/database-{os.getpid()}-{next(_numbers)}"
        # One client for all: each takes a quarter of a second to make.
        if self.opened is None:
            self.opened = Vault.opened(self.spec(name), ACCESS)
        return Vault(name, self.opened.client)

    def made(self, text: str = "") -> Vault:
        """A secret that is there, with the address and two more values."""
        vault = self.vault()
        told = text or json.dumps({"mongo_uri": OLD, "user": "chat", "password": "another-password-3"})
        vault.client.create_secret(Name=vault.name, SecretString=told)
        return vault


def value(vault: Vault, label: str = "AWSCURRENT") -> Any:
    """What the secret says under a label, as its application reads it."""
    said = vault.client.get_secret_value(SecretId=vault.name, VersionStage=label)["SecretString"]
    return json.loads(said) if said.startswith("{") else said


def inventory(folder: Path, url: str, secret: str, **settings: Any) -> Service:
    """Write an inventory whose MongoDB names that secret, and return its service."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "access").write_text(ACCESS + "\n")
    (folder / "spare_app_uri").write_text(NEW + "\n")
    told = {
        "supervisor": "docker",
        "unit": "mongo1",
        "aws_secret_id": secret,
        "aws_region": "ap-northeast-2",
        "aws_endpoint": url,
        "aws_access_key_id": "AKIDEXAMPLE",
        "aws_secret_access_key": "!file access",
        "spare_app_uri": "!file spare_app_uri",
        **settings,
    }
    lines = "\n".join(f"          {key}: {value}" for key, value in told.items() if value is not None)
    (folder / "hosts.yml").write_text(
        f"all:\n  vars: {{ansible_connection: local, drillyard_state_dir: {folder}/state}}\n"
        f"  hosts:\n    mongo1:\n      serves:\n        mongodb:\n{lines}\n"
    )
    return read_inventory(folder / "hosts.yml").hosts["mongo1"].service("mongodb")


@pytest.fixture(scope="session")
def manager() -> Iterator[Manager]:
    """moto's Secrets Manager, one for all: each test has a secret of its own."""
    # It takes half a second to import, which most tests need not wait for.
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield Manager(f"http://{host}:{port}")
    server.stop()
