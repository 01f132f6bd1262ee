"""A real OpenSSH server on a free port of 127.0.0.1, with keys of its own, as a fixture for any test."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from agent.inventory.model import Host
from tests.ports import free_port

CLERK = 'it\'s "a" $pass; 비밀'
"""The password of `clerk`."""


@dataclass(frozen=True)
class Sshd:
    """A running sshd: where it listens, who may log in, and the file that knows its key.

    It runs in a mount namespace whose accounts are its own: root, `operator` who may sudo without a password,
    `clerk` who may with the password CLERK, and `guest` who may not. `accounts` is False where the machine
    forbids such a namespace; then only `user` can log in.
    """

    folder: Path
    port: int
    user: str
    key_file: str
    known_hosts: str
    accounts: bool
    process: subprocess.Popen[bytes] = field(repr=False)

    def host(self, **other: object) -> Host:
        """An inventory host that leads here."""
        settings: dict[str, object] = {
            "name": "sshd1",
            "address": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "key_file": self.key_file,
            "known_hosts": self.known_hosts,
            "state_dir": str(self.folder / "state"),
        }
        return Host(**{**settings, **other})  # type: ignore[arg-type]

    def sessions(self) -> list[int]:
        """The process ids of the sshd processes that serve open connections."""
        return children(self.process.pid)


def children(pid: int) -> list[int]:
    """Every descendant of a process that is an sshd."""
    found = []
    # A session that ends meanwhile has none.
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in map(int, task.read_text().split()):
                with contextlib.suppress(OSError):
                    if Path(f"/proc/{child}/comm").read_text().startswith("sshd"):
                        found += [child, *children(child)]
    return found


def possible() -> bool:
    """Whether an sshd can be started here."""
    return bool(shutil.which("sshd", path="/usr/sbin:/usr/bin")) and os.geteuid() == 0


def accounts_possible() -> bool:
    """Whether this machine lets us give sshd accounts of its own, and has sudo."""
    if not shutil.which("sudo") or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def running_sshd(folder: Path, *settings: str) -> Iterator[Sshd]:
    """Run an sshd out of `folder`, with further `settings`, until the block ends; end its sessions then."""
    folder.chmod(0o755)
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "user_key.pub", folder / "authorized")
    port = free_port()
    (folder / "config").write_text("\n".join([_config(folder, port), *settings, ""]))
    public = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(public)}\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    accounts = accounts_possible()
    argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "config")]
    if accounts:
        _write_accounts(folder)
        argv = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", _MOUNT, str(folder), *argv]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
    sshd = Sshd(
        folder,
        port,
        "root",
        str(folder / "user_key"),
        str(folder / "known_hosts"),
        accounts,
        process,
    )
    try:
        _await_banner(sshd)
        yield sshd
    finally:
        for pid in [*sshd.sessions(), process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """One sshd for all tests of a worker."""
    if not possible():
        pytest.skip("an sshd of our own needs OpenSSH's server and root")
    # Not pytest's own folder, which no other user may enter.
    with TemporaryDirectory(prefix="drillyard-sshd-") as folder, running_sshd(Path(folder)) as server:
        yield server


_MOUNT = """
mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/shadow" /etc/shadow &&
mount --bind "$0/group" /etc/group && mount --bind "$0/sudoers" /etc/sudoers && exec "$@"
"""


def _write_accounts(folder: Path) -> None:
    known = Path("/etc/passwd").read_text().splitlines()
    users = [f"root:x:0:0::{folder}/root:/bin/bash", *(line for line in known if line[:7] != "root:x:")]
    (folder / "root").mkdir()
    for number, name in ((19771, "operator"), (19772, "guest"), (19773, "clerk")):
        home = folder / name
        home.mkdir()
        os.chown(home, number, number)
        users.append(f"{name}:x:{number}:{number}::{home}:/bin/bash")
    (folder / "passwd").write_text("\n".join(users) + "\n")
    groups = Path("/etc/group").read_text()
    (folder / "group").write_text(f"{groups}operator:x:19771:\nguest:x:19772:\nclerk:x:19773:\n")
    secret = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=CLERK, capture_output=True, text=True, check=True
    ).stdout.strip()
    logins = (("operator", "*"), ("guest", "*"), ("clerk", secret))
    lines = "".join(f"{name}:{secret}:19000::::::\n" for name, secret in logins)
    (folder / "shadow").write_text(Path("/etc/shadow").read_text() + lines)
    (folder / "shadow").chmod(0o640)
    (folder / "sudoers").write_text(
        "Defaults env_reset, passwd_tries=1\nroot ALL=(ALL) ALL\n"
        "operator ALL=(ALL) NOPASSWD: ALL\nclerk ALL=(ALL) ALL\n"
    )
    (folder / "sudoers").chmod(0o440)


def _config(folder: Path, port: int) -> str:
    return f"""
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UsePAM no
AllowTcpForwarding yes
MaxStartups 100
"""


def _await_banner(sshd: Sshd) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and sshd.process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", sshd.port), 60) as probe:
            if probe.recv(4) == b"SSH-":
                return
        time.sleep(0.02)
    raise RuntimeError(f"sshd did not start: {(sshd.folder / 'log').read_text()}")
