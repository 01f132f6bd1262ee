"""Whom the road over SSH believes to be the host, and with which key it asks to be let in."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import BadInventory, HostKeyRefused, LoginRefused
from agent.transport.ask import Sh
from tests.transport.ssh_road import road_to, until


@pytest.fixture
def keys(tmp_path) -> Callable[[str], str]:
    """Make a key pair and return the private key's file."""

    def make(name: str) -> str:
        file = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
        return str(file)

    return make


def test_an_unknown_host_key_is_refused(sshd, tmp_path):
    """A host that stands in no known_hosts gets nothing from us; the sentence says how to check it."""
    empty = tmp_path / "known_hosts"
    with road_to(sshd.host(known_hosts=str(empty))) as road, pytest.raises(HostKeyRefused) as refused:
        road.open()
    shown = subprocess.run(
        ["ssh-keygen", "-lf", sshd.folder / "host_key.pub"], capture_output=True, text=True, check=True
    )
    assert shown.stdout.split()[1] in str(refused.value)
    assert "is unknown" in str(refused.value)
    assert f"ssh-keyscan -p {sshd.port} 127.0.0.1 >> {empty}" in str(refused.value)
    assert refused.value.exit_code == 31


def test_a_changed_host_key_is_refused(sshd, tmp_path, keys):
    """A host with another key than the known one is told apart from an unknown one, by both fingerprints."""
    other = Path(keys("other") + ".pub").read_text().split()[:2]
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{sshd.port} {' '.join(other)}\n")
    with road_to(sshd.host(known_hosts=str(known))) as road, pytest.raises(HostKeyRefused) as refused:
        road.open()
    assert "has CHANGED" in str(refused.value)
    assert str(refused.value).count("SHA256:") == 2
    assert f"ssh-keygen -R '[127.0.0.1]:{sshd.port}' -f {known}" in str(refused.value)


def test_the_commands_the_refusal_names_mend_it(sshd, tmp_path):
    """What the sentence says to type makes the host known."""
    known = tmp_path / "known_hosts"
    with road_to(sshd.host(known_hosts=str(known))) as road:
        with pytest.raises(HostKeyRefused) as refused:
            road.open()
        command = str(refused.value).split("where they agree: ")[1]
        subprocess.run(command, shell=True, check=True, capture_output=True)
        road.open()


def test_another_key_than_ours_is_not_let_in(sshd, keys):
    """A key the host does not accept is LoginRefused, naming the user, the address and the key."""
    key = keys("stranger")
    with road_to(sshd.host(key_file=key)) as road, pytest.raises(LoginRefused) as refused:
        road.open()
    for word in ("root", "127.0.0.1", str(sshd.port), key):
        assert word in str(refused.value)


@pytest.mark.parametrize(("content", "says"), [(None, "cannot be read"), ("no key", "no private key")])
def test_a_key_file_that_is_none(sshd, tmp_path, content, says, monkeypatch):
    """A missing or broken key file is LoginRefused and says which."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    file = tmp_path / "key"
    if content:
        file.write_text(content)
    with road_to(sshd.host(key_file=str(file))) as road, pytest.raises(LoginRefused, match=says):
        road.open()


def test_a_key_with_a_passphrase_is_explained(sshd, tmp_path, monkeypatch):
    """A locked key is LoginRefused and names ssh-add."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    file = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", file], check=True)
    with road_to(sshd.host(key_file=str(file))) as road, pytest.raises(LoginRefused, match="ssh-add"):
        road.open()


def test_an_agent_is_used_and_a_dead_one_is_not_waited_for(sshd, tmp_path, monkeypatch):
    """Without a named key a living ssh-agent lets us in; a socket nobody answers on costs two seconds."""
    monkeypatch.setenv("HOME", str(tmp_path))
    agent = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(agent))
        add = ["ssh-add", "-q", sshd.key_file]
        until(lambda: subprocess.run(add, capture_output=True, check=False).returncode == 0)
        with road_to(sshd.host(key_file="")) as road:
            assert road.run(Sh("true")).rc == 0
    finally:
        process.terminate()
        process.wait()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
        dead.listen()
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "dead"))
        with road_to(sshd.host(key_file="")) as road, pytest.raises(LoginRefused, match="no key at all"):
            road.open()


def test_a_file_with_a_line_that_is_no_key_is_named(sshd, tmp_path):
    """A marker is not passed over: it may revoke the very key that another line names."""
    known = tmp_path / "known_hosts"
    known.write_text("@revoked * ssh-ed25519 AAAA\n")
    with (
        road_to(sshd.host(known_hosts=str(known))) as road,
        pytest.raises(BadInventory, match="is not a key"),
    ):
        road.open()
