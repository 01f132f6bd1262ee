"""The actions and their program, against moto's server (SIMULATED)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.cli import main
from agent.errors import BadInventory, NotFound
from agent.inventory import read_inventory
from agent.providers import aws
from agent.providers.aws.settings import Aws
from agent.runbook.check import check_page
from agent.runbook.load import load_page
from agent.transport.perform import Forgetful, perform
from agent.transport.preview import preview
from agent.transport.road import Road
from tests.secrets_manager import ACCESS, NEW, OLD, Manager, inventory, value

SECRETS = (ACCESS, "old-password-1", "new-password-2", "another-password-3")
PAGE = """title: Switch and back
system: mongodb
on: mongo1
steps:
  - {id: switch, do: agent.providers.aws.switch, register: switched}
  - {id: look, do: agent.providers.aws.look, retry: {times: 1, until: result.same}}
  - {id: back, do: agent.providers.aws.switch_back}
"""


class Asked(Forgetful):
    """A record of every ask."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def asking(self, n: int, ask: Any) -> str:
        """Keep it, and name each job."""
        self.asked.append(ask)
        return f"aws.{id(self)}.{n}"


def test_switched_and_back_by_the_program(manager: Manager, far: Road, tmp_path: Path) -> None:
    """What its answers say is what the secret says; nothing that was asked holds a secret."""
    vault, record = manager.made(), Asked()
    service = inventory(tmp_path / "world", manager.url, vault.name)
    done = perform(aws.switch(service), far, record)
    assert (done.secret, done.name, done.changed) == (vault.name, "mongo_uri", True)
    assert value(vault)["mongo_uri"] == NEW
    assert perform(aws.look(service), far, Asked()).same
    assert perform(aws.switch_back(service), far, Asked()).kept == done.kept
    assert value(vault)["mongo_uri"] == OLD
    told = json.dumps([repr(ask) + str(getattr(ask, "stdin", "")) for ask in record.asked])
    assert vault.name in told
    assert not [secret for secret in SECRETS if secret in told]


def test_a_plan_changes_nothing(manager: Manager, road: Road, tmp_path: Path) -> None:
    """It says which secret would say what, by the setting's name."""
    vault = manager.made()
    service = inventory(tmp_path / "world", manager.url, vault.name)
    seen = preview(aws.switch(service), road)
    assert len(seen.changes) == 1
    assert seen.changes[0].startswith(f"sets mongo_uri in the AWS secret {vault.name} to spare_app_uri")
    assert value(vault)["mongo_uri"] == OLD


def test_errors_arrive_as_what_they_are(manager: Manager, road: Road, tmp_path: Path) -> None:
    """Of the program's own class, with the host before them."""
    service = inventory(tmp_path / "world", manager.url, "nobody/has-this")
    with pytest.raises(NotFound, match=r"^mongo1: AWS was asked to describe the secret nobody/has-this"):
        perform(aws.switch(service), road, Asked())


def test_a_run_leaves_no_secret_behind(
    manager: Manager, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Journal, audit, outputs and screen are searched for the old value, the new one, and the login."""
    vault = manager.made()
    inventory(tmp_path / "world", manager.url, vault.name)
    (tmp_path / "page.yml").write_text(PAGE)
    words = ["-i", str(tmp_path / "world/hosts.yml"), "--runs", str(tmp_path / "runs"), "--verbose"]
    assert main(["run", str(tmp_path / "page.yml"), *words]) == 0
    assert value(vault)["mongo_uri"] == OLD
    said = capsys.readouterr()
    texts = [said.out.encode(), said.err.encode()]
    texts += [path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert len(texts) > 3
    for text in texts:
        assert not [secret for secret in SECRETS if secret.encode() in text]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"aws_region": "seoul"}, "should be a region"),
        ({"aws_secret_id": '"a b"'}, "the name or ARN of a secret"),
        ({"aws_endpoint": "http://example.net"}, "the value is sent there"),
        ({"aws_access_key_id": None}, "or neither, found one"),
        ({"aws_secret_access_key": None}, "or neither, found one"),
    ],
)
def test_settings_that_cannot_be_right(tmp_path: Path, settings: dict[str, Any], said: str) -> None:
    """Each is named before anything is asked."""
    with pytest.raises(BadInventory, match=said):
        Aws.of(inventory(tmp_path, "http://127.0.0.1:1", "chat", **settings))


def test_what_is_switched_to_has_to_be_named(tmp_path: Path) -> None:
    """A setting that is not there is no empty value."""
    service = inventory(tmp_path, "http://127.0.0.1:1", "chat")
    with pytest.raises(BadInventory, match="without the setting 'dr_uri'"):
        next(aws.switch(service, to="dr_uri"))


@pytest.mark.parametrize("by", ["secret", "both"])
def test_the_page_brings_the_old_address_back(manager: Manager, tmp_path: Path, by: str) -> None:
    """Switched as a page does it, and back by the page for that, on the host that may do it."""
    vault = manager.made()
    service = inventory(tmp_path / "world", manager.url, vault.name)
    (tmp_path / "there.yml").write_text(
        "title: There\nsystem: mongodb\non: mongo1\n"
        "steps:\n  - {id: point, do: mongodb.point_application, with: {needed: true}}\n"
    )
    words = ["-i", str(tmp_path / "world/hosts.yml"), "--runs", str(tmp_path / "runs")]
    with (tmp_path / "world/hosts.yml").open("a") as hosts:
        hosts.write(
            "    api1: {serves: {app: {supervisor: systemd, unit: chat, health: 'http://x/health'}}}\n"
        )
    assert main(["run", str(tmp_path / "there.yml"), *words]) == 0
    assert value(vault)["mongo_uri"] == NEW
    back = ["run", "switch_back", *words, "--limit", service.host, "--set", f"by={by}"]
    assert main(back) == 0
    assert value(vault)["mongo_uri"] == OLD
    assert main(back) == 0
    assert value(vault)["mongo_uri"] == OLD


@pytest.mark.parametrize("by", ["environment", "secret", "both"])
def test_the_page_that_switches_back_is_right(tmp_path: Path, by: str) -> None:
    """Its steps are for the hosts that serve what they act on, by what the application reads."""
    inventory(tmp_path, "http://127.0.0.1:1", "chat-app/database")
    with (tmp_path / "hosts.yml").open("a") as hosts:
        hosts.write(
            "    api1: {serves: {app: {supervisor: systemd, unit: chat, health: 'http://x/health'}}}\n"
        )
    problems = check_page(load_page("switch_back"), read_inventory(tmp_path / "hosts.yml"))
    assert not problems
    assert main(["plan", "switch_back", "-i", str(tmp_path / "hosts.yml"), "--set", f"by={by}"]) in (0, 10)
