"""`drillyard backup take` over several hosts: one that cannot be reached keeps no other from being taken."""

import getpass
import json
import socket
import sys

import pytest
import yaml

from agent.cli import main
from agent.cli.backups import _all_of
from agent.errors import ContactLost, StepFailed, Unreachable


@pytest.fixture
def inventory(tmp_path, here, free_port):
    """A host that nobody answers on, before one that lives and one whose password is wrong."""
    sound = {
        "ansible_connection": "local",
        "drillyard_state_dir": str(tmp_path / "state"),
        "serves": {
            "redis": {
                "supervisor": "systemd",
                "unit": "redis-server",
                "socket": here.socket,
                "password": "SECRET",
                "data_dir": str(here.data),
                "user": getpass.getuser(),
                "backup_dir": str(tmp_path / "backup"),
                "python": sys.executable,
            }
        },
    }
    dead = {**sound, "ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": free_port}
    file = tmp_path / "hosts.yml"
    hosts = yaml.safe_dump({"all": {"hosts": {"a-dead": dead, "b-sound": sound}}})
    file.write_text(hosts.replace("SECRET", "!env DRILLYARD_TEST_REDIS"))
    return file


@pytest.fixture
def free_port():
    """A port of 127.0.0.1 on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_the_others_are_taken(inventory, here, service, capsys):
    """The one that lives is taken; the end names the one that cannot be reached, with its exit code."""
    assert main(["backup", "take", "redis", "-i", str(inventory), "--json"]) == Unreachable.exit_code
    said = capsys.readouterr()
    taken = [json.loads(line) for line in said.out.splitlines()]
    assert [each["host"] for each in taken] == ["b-sound"]
    assert "1 of 2 hosts: a-dead." in said.err


def test_one_host_says_what_it_has_to_say(inventory, capsys):
    """Of a single host that cannot be reached its own sentence is the end, and nothing about others."""
    command = ["backup", "take", "redis", "-i", str(inventory), "--limit", "a-dead"]
    assert main(command) == Unreachable.exit_code
    said = capsys.readouterr().err
    assert "no connection to 127.0.0.1" in said
    assert "of 1 hosts" not in said


def test_all_sound_is_sound(inventory, capsys):
    """Where nothing fails nothing is said of failures."""
    assert main(["backup", "take", "redis", "-i", str(inventory), "--limit", "b-sound"]) == 0
    assert "b-sound" in capsys.readouterr().out


def test_unknown_outweighs_failed():
    """Where one of several is unknown the whole is: a failure beside it must not hide it."""
    failed = {"a": StepFailed("a failed."), "b": ContactLost("b is gone.")}
    assert isinstance(_all_of(failed, "backup take redis", 3), ContactLost)
    assert isinstance(_all_of({"a": failed["a"]}, "backup take redis", 3), StepFailed)
