"""Whose key a host's key is: known_hosts as OpenSSH reads it, tried on a real server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.errors import BadInventory, HostKeyRefused
from agent.inventory.model import Host
from agent.transport import ssh_login
from agent.transport.ask import Sh
from agent.transport.ssh_known_file import keys_in
from tests.sshd import Sshd, possible, running_sshd
from tests.transport.ssh_road import road_to


@pytest.fixture
def other(tmp_path) -> str:
    """The public half of some other key: kind and base64."""
    return public(made(tmp_path / "other"))


def made(file: Path, kind: str = "ed25519") -> Path:
    """A key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", file], check=True)
    return file


def public(file: Path) -> str:
    """Kind and base64 of a key pair."""
    return " ".join(Path(f"{file}.pub").read_text().split()[:2])


def own(sshd: Sshd) -> str:
    """Kind and base64 of the key that a server shows."""
    return public(sshd.folder / "host_key")


def name(sshd: Sshd) -> str:
    """How known_hosts writes a server."""
    return f"[127.0.0.1]:{sshd.port}"


def refusal(host: Host) -> HostKeyRefused:
    """What is said where the key of a host is not believed."""
    with road_to(host) as road, pytest.raises(HostKeyRefused) as refused:
        road.open()
    return refused.value


def let_in(host: Host) -> bool:
    """Whether a host is believed to be itself."""
    with road_to(host) as road:
        return road.run(Sh("echo", "in")).text == "in"


def test_a_revoked_key_is_refused_though_another_line_knows_it(sshd, tmp_path):
    """A line @revoked outranks every other, before or behind it, and has a sentence of its own."""
    known = tmp_path / "known_hosts"
    for pattern in (name(sshd), "*"):
        lines = [f"{name(sshd)} {own(sshd)}", f"@revoked {pattern} {own(sshd)}"]
        for order in (lines, lines[::-1]):
            known.write_text("\n".join(order) + "\n")
            said = refusal(sshd.host(known_hosts=str(known)))
            assert "is REVOKED: it shows ed25519 SHA256:" in str(said)
            assert f"{known} has a line @revoked for that key, though another line" in str(said)
    known.write_text(f"@revoked {name(sshd)} {own(sshd)}\n")
    assert "is REVOKED" in str(refusal(sshd.host(known_hosts=str(known))))


def test_a_revoked_key_of_another_host_or_time_is_no_matter(sshd, tmp_path, other):
    """What a host had before was revoked, or what another host has: its own key is good."""
    known = tmp_path / "known_hosts"
    known.write_text(
        f"@revoked {name(sshd)} {other}\n@revoked *.example {own(sshd)}\n{name(sshd)} {own(sshd)}\n"
    )
    assert let_in(sshd.host(known_hosts=str(known)))


def test_an_authority_is_not_taken_for_the_hosts_key(sshd, tmp_path, other):
    """A host that shows the very key of the authority is unknown; beside a line of its own it is let in."""
    known = tmp_path / "known_hosts"
    known.write_text(f"@cert-authority * {own(sshd)}\n")
    said = str(refusal(sshd.host(known_hosts=str(known))))
    assert "is unknown" in said
    assert "Certificates of hosts cannot be checked here" in said
    known.write_text(f"@cert-authority * {other}\n{name(sshd)} {own(sshd)}\n")
    assert let_in(sshd.host(known_hosts=str(known)))


def test_what_to_do_about_a_certified_host_makes_it_known(tmp_path):
    """ssh checks the certificate that we cannot check, by the command that the refusal names."""
    if not possible():
        pytest.skip("an sshd of our own needs OpenSSH's server and root")
    authority, known = made(tmp_path / "ca"), tmp_path / "known_hosts"
    known.write_text(f"@cert-authority * {public(authority)}\n")
    with TemporaryDirectory() as place:
        key = made(Path(place) / "certified", "ecdsa")
        sign = ["ssh-keygen", "-q", "-s", authority, "-I", "h", "-h", "-n", "127.0.0.1", f"{key}.pub"]
        subprocess.run(sign, check=True)
        certificate = f"HostCertificate {key}-cert.pub"
        with running_sshd(Path(place), f"HostKey {key}", certificate) as sshd:
            host = sshd.host(known_hosts=str(known))
            todo = str(refusal(host)).partition("write down the key: ")[2]
            # Here the server's keys and the user's own lie elsewhere than on a real host.
            todo = todo.replace("ssh -o", f"ssh -F none -i {sshd.key_file} -o", 1)
            todo = todo.replace("127.0.0.1 cat", "root@127.0.0.1 cat")
            todo = todo.replace("/etc/ssh/ssh_host_ed25519_key.pub", str(sshd.folder / "host_key.pub"))
            # What does not come about leaves no half line, by which the whole file would be refused.
            subprocess.run(todo.replace(f"-p {sshd.port}", "-p 1"), shell=True, check=False)
            assert known.read_text().count("\n") == 1
            subprocess.run(todo, shell=True, check=True)
            assert known.read_text().endswith(own(sshd) + f" {public_comment(sshd)}\n")
            assert let_in(host)


def public_comment(sshd: Sshd) -> str:
    """What stands behind the key in a server's own file."""
    return (sshd.folder / "host_key.pub").read_text().split(maxsplit=2)[2].strip()


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_the_kind_that_is_known_is_asked_for(tmp_path, kind):
    """A host has a key of each kind, and shows the one that a line knows."""
    if not possible():
        pytest.skip("an sshd of our own needs OpenSSH's server and root")
    with TemporaryDirectory() as place:
        key = made(Path(place) / kind, kind)
        with running_sshd(Path(place), f"HostKey {key}") as sshd:
            known = tmp_path / "known_hosts"
            known.write_text(f"{name(sshd)} {public(key)}\n")
            assert let_in(sshd.host(known_hosts=str(known)))
            known.write_text(f"{name(sshd)} {public(key)}\n@revoked * {own(sshd)}\n")
            assert let_in(sshd.host(known_hosts=str(known)))
            known.write_text(f"{name(sshd)} {own(sshd)}\n@revoked * {public(key)}\n")
            assert let_in(sshd.host(known_hosts=str(known)))


@pytest.mark.parametrize("many", [1, 2])
def test_one_of_several_keys_of_a_kind_is_enough(sshd, tmp_path, other, many):
    """While a host's key is changed over, the old line and the new one stand side by side, in any order."""
    lines = [f"{name(sshd)} {other}", f"{name(sshd)} {own(sshd)}"]
    (tmp_path / "known_hosts").write_text("\n".join(lines[::-1] if many == 1 else lines) + "\n")
    assert let_in(sshd.host(known_hosts=str(tmp_path / "known_hosts")))


def test_a_name_that_is_excluded_is_not_meant(sshd, tmp_path):
    """As in ssh, patterns count, and one with a ! takes the host out of its line."""
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.*]:{sshd.port} {own(sshd)}\n")
    assert let_in(sshd.host(known_hosts=str(known)))
    known.write_text(f"*,!*127.0.0.1* {own(sshd)}\n")
    assert "is unknown" in str(refusal(sshd.host(known_hosts=str(known))))


def test_a_line_without_the_port_holds_for_every_port(sshd, tmp_path, other):
    """Where none has the port: then the line with it decides. What is revoked without it is revoked."""
    known, plain = tmp_path / "known_hosts", f"127.0.0.1 {own(sshd)}\n"
    host = sshd.host(known_hosts=str(known))
    known.write_text(plain)
    assert let_in(host)
    known.write_text(f"127.0.0.1 {other}\n")
    assert "is unknown" in str(refusal(host))
    known.write_text(f"{plain}{name(sshd)} {other}\n")
    assert "has CHANGED" in str(refusal(host))
    known.write_text(f"{name(sshd)} {own(sshd)}\n@revoked {plain}")
    assert "is REVOKED" in str(refusal(host))


def test_hashed_names_of_a_revoked_key(sshd, tmp_path):
    """ssh-keygen -H hides the names of a file; a line @revoked with a pattern stays as it is."""
    known = tmp_path / "known_hosts"
    known.write_text(f"{name(sshd)} {own(sshd)}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", known], check=True, capture_output=True)
    assert let_in(sshd.host(known_hosts=str(known)))
    known.write_text(known.read_text() + "@revoked " + known.read_text())
    assert "is REVOKED" in str(refusal(sshd.host(known_hosts=str(known))))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("@trusted * ssh-ed25519 AAAA", "known_hosts:2: expected .* found the marker '@trusted'"),
        ("@revoked * ssh-ed25519 AAAA", "known_hosts:2 is not a key"),
        ("@revoked", "known_hosts:2 is not a key"),
        ("host ssh-ed25519 %%%%", "known_hosts:2 is not a key"),
    ],
)
def test_a_line_that_is_no_key_is_not_passed_over(tmp_path, line, says):
    """It may revoke the very key that another line names."""
    (tmp_path / "known_hosts").write_text(f"# ours\n{line}\n")
    with pytest.raises(BadInventory, match=says):
        keys_in(tmp_path / "known_hosts")


@pytest.fixture
def config(sshd, tmp_path, monkeypatch) -> Iterator[Callable[..., Host]]:
    """Write ~/.ssh/config for a host `db1`, and return it."""

    def write(*settings: str) -> Host:
        (tmp_path / ".ssh").mkdir(exist_ok=True)
        lines = [f"HostName 127.0.0.1\nPort {sshd.port}\nUser root\nIdentityFile {sshd.key_file}", *settings]
        (tmp_path / ".ssh/config").write_text("\n".join(["Host db1", *lines, ""]))
        ssh_login._ssh_config.cache_clear()
        return Host("db1")

    monkeypatch.setenv("HOME", str(tmp_path))
    yield write
    ssh_login._ssh_config.cache_clear()


def test_the_alias_is_the_name_that_is_known(sshd, tmp_path, config, other):
    """With HostKeyAlias neither address nor port is looked up; what to do writes the alias."""
    known = tmp_path / "kh"
    host = config("HostKeyAlias the-db", f"UserKnownHostsFile {known}", "GlobalKnownHostsFile none")
    known.write_text(f"{name(sshd)} {own(sshd)}\n")
    said = str(refusal(host))
    assert "the key of the-db is unknown" in said
    subprocess.run(said.partition("where they agree: ")[2], shell=True, check=True, capture_output=True)
    assert f"the-db {own(sshd)}" in known.read_text()
    assert let_in(host)
    known.write_text(f"the-db {other}\n{name(sshd)} {own(sshd)}\n")
    assert "the key of the-db has CHANGED" in str(refusal(host))


def test_an_alias_from_the_inventory(sshd, tmp_path):
    """`-o HostKeyAlias=` of ansible_ssh_common_args holds as well."""
    known = tmp_path / "known_hosts"
    known.write_text(f"the-db {own(sshd)}\n")
    assert let_in(sshd.host(known_hosts=str(known), key_alias="the-db"))


def test_every_file_that_is_named_is_read(sshd, tmp_path, config, other):
    """Several of the user's and several of the machine's hold at once: what one revokes is gone in all."""
    files = [tmp_path / file for file in ("one", "two", "all", "more")]
    users, machines = f"{files[0]} ~/two", f"{files[2]} {files[3]}"
    host = config(f"UserKnownHostsFile {users}", f"GlobalKnownHostsFile {machines}")
    for file in files:
        file.write_text(f"{name(sshd)} {own(sshd)}\n")
        assert let_in(host)
        file.unlink()
    files[0].write_text(f"{name(sshd)} {own(sshd)}\n")
    files[3].write_text(f"@revoked * {own(sshd)}\n")
    assert "is REVOKED: it shows" in str(refusal(host))
    assert f"{files[3]} has a line @revoked" in str(refusal(host))
    files[0].unlink()
    files[3].write_text(f"{name(sshd)} {other}\n")
    assert f"has CHANGED: {files[3]} knows" in str(refusal(host))


def test_tokens_in_the_name_of_a_file(sshd, tmp_path, config):
    """%d and %n are what they are in ssh; one that is not read here is refused and named."""
    (tmp_path / "known_db1").write_text(f"{name(sshd)} {own(sshd)}\n")
    assert let_in(config("UserKnownHostsFile %d/known_%n", "GlobalKnownHostsFile none"))
    with road_to(config("UserKnownHostsFile %d/%C")) as road, pytest.raises(BadInventory, match="token %C"):
        road.open()
    nothing = config("UserKnownHostsFile none", "GlobalKnownHostsFile none")
    with road_to(nothing) as road, pytest.raises(BadInventory, match="no host key is known"):
        road.open()
