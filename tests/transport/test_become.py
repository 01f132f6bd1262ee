"""sudo is told its password where it asks, and nobody else ever is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent import secrets
from agent.errors import SudoRefused
from agent.inventory import Host
from agent.secrets import Secret
from agent.transport.ask import Done, Put, Sh
from agent.transport.choose import open_road
from agent.transport.shell import ShellRoad
from tests.sshd import CLERK, Sshd

# What stands in every argument list and every file that the host could keep.
_EVERYWHERE = 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n"; tr "\\0" "\\n" </proc/$$/environ; cat'


@pytest.fixture
def clerk(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose user may sudo with a password."""
    if not sshd.accounts:
        pytest.skip("the sshd cannot have accounts of its own here")
    # What other tests revealed may be a common word, which would be masked in what we look at.
    monkeypatch.setattr(secrets, "_seen", set())
    monkeypatch.setenv("SUDO", CLERK)
    return sshd.host(user="clerk", become=True, become_password=Secret("env", "SUDO", "hosts.yml:3"))


@pytest.fixture
def road(clerk: Host) -> Iterator[ShellRoad]:
    """The road of the clerk."""
    road = open_road(clerk)
    yield road
    road.forget("become")
    road.close()


@pytest.mark.parametrize("job", ["", "become.1"])
def test_sudo_is_told(road: ShellRoad, job: str) -> None:
    """A plain ask and a job become root; input and secrets arrive as they are, after the password."""
    ask = Sh('id -un; printf "%s|" "$X"; cat', script=True, sudo=True, stdin=b"in put\n", changes=job)
    ask = replace_secrets(ask, {"X": Secret("env", "SUDO")})
    assert road.run(ask, job=job).out.decode() == "root\n••••|in put\n"


def replace_secrets(ask: Sh, secrets: dict[str, Secret]) -> Sh:
    """The same ask with secrets."""
    options = {name: getattr(ask, name) for name in ("script", "sudo", "stdin", "changes")}
    return Sh(*ask.argv, **options, secrets=secrets)


def test_the_command_never_sees_it(road: ShellRoad) -> None:
    """It stands in no argument list, not in the command's environment, and not on its input."""
    done: Done = road.run(Sh(_EVERYWHERE, script=True, sudo=True, stdin=b"END"))
    text = done.out.decode("utf-8", "replace")
    assert text.endswith("END")
    assert CLERK not in text
    assert "••••" not in text
    assert "DRILLYARD_BECOME=" not in text


def test_where_sudo_does_not_ask_nothing_is_told(sshd: Sshd, clerk: Host) -> None:
    """NOPASSWD: the command's input is its own, with no password before it."""
    road = open_road(replace(clerk, user="operator"))
    try:
        assert road.run(Sh("cat", sudo=True, stdin=b"mine")).out == b"mine"
        road.put(Put(f"{sshd.folder}/put", b"content", sudo=True))
        assert (sshd.folder / "put").read_bytes() == b"content"
    finally:
        road.close()


def test_a_wrong_password_is_refused(clerk: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the reference and not the password."""
    monkeypatch.setenv("SUDO", "wrong-one")
    road = open_road(clerk)
    try:
        with pytest.raises(SudoRefused, match=r"incorrect password attempt.*!env SUDO") as error:
            road.run(Sh("id", sudo=True))
    finally:
        road.close()
    assert "wrong-one" not in str(error.value)
