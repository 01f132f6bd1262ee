"""sudo is told its password where it asks, and nobody else ever is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent import secrets
from agent.errors import SudoRefused
from agent.inventory import Host
from agent.secrets import Secret
from agent.transport.ask import Done, Put, Sh
from agent.transport.choose import open_road
from agent.transport.shell import _NO_SUDO, ShellRoad
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


@pytest.mark.parametrize("locale", ["C", "ko_KR.UTF-8", "de_DE.UTF-8"])
@pytest.mark.parametrize("password", [False, True])
def test_a_host_without_sudo_is_told_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str, password: bool
) -> None:
    """In whatever language the host says so: nobody is to make room on a disk because of it."""
    for name in ("env", "sh", "timeout", "printenv", "id", "head", "wc", "cat"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("SUDO", "a word")
    secret = Secret("env", "SUDO") if password else None
    host = Host("here", road="local", state_dir=str(tmp_path / "state"), become=True, become_password=secret)
    road = open_road(host)
    road.open()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LC_ALL", locale)
    ask = Sh("true", sudo="nobody" if os.geteuid() == 0 else True)
    with pytest.raises(SudoRefused, match="sudo is not installed there"):
        road.run(ask)


@pytest.mark.parametrize(
    "said",
    [
        "env: ‘sudo’: No such file or directory",
        "env: 'sudo': 그런 파일이나 디렉터리가 없습니다",
        "/usr/bin/env: „sudo“: Datei oder Verzeichnis nicht gefunden",
        "env: can't execute 'sudo': No such file or directory",
        "sh: 1: exec: sudo: not found",
    ],
)
def test_who_misses_sudo_is_known_in_any_language(said: str) -> None:
    """As coreutils and busybox say it, and dash."""
    assert _NO_SUDO.search(said)


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
