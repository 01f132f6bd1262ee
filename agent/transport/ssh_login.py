"""How an SSH connection is made: address, host key, our own key, and a plain sentence for each refusal."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import fabric
import paramiko
from paramiko.auth_strategy import AuthSource, AuthStrategy, InMemoryPrivateKey

from agent.errors import BadInventory, LoginRefused, Unreachable
from agent.inventory.model import Host
from agent.transport.ssh_keys import agent_keys, default_keys, load_key
from agent.transport.ssh_known import HostKeys
from agent.transport.ssh_known_where import key_alias, known_files
from agent.transport.ssh_line import Heard, Line, Patience, Transport


class KnownKeys(NamedTuple):
    """The lines of a host's known_hosts files, the name of the first, and the name its key stands under."""

    lines: bytes
    file: str
    alias: str


def log_in(to: Host, patience: Patience) -> Line:
    """Connect to a host as its inventory and ~/.ssh/config say, through jump hosts where they name one.

    Raises:
        Unreachable: nothing answers there, or it does not speak SSH in time.
        HostKeyRefused: the key it shows is not the one we know, or we know none.
        LoginRefused: it does not let us in.
        BadInventory: ~/.ssh/config cannot be read.
    """
    connection = _connection(to, patience)
    where = (connection.host, int(connection.port))
    known = HostKeys(to.name, known_files(to, connection), where, key_alias(to, connection))
    jump = to.jump or connection.ssh_config.get("proxyjump", "")
    gateway = None
    if jump and jump != "none":
        gateway = _gateway(to, jump, patience)
    heard = Heard(_socket(to, connection, gateway, patience))
    connection.client.set_missing_host_key_policy(known)
    connection.connect_kwargs = {
        "sock": heard,
        "transport_factory": partial(_transport, known),
        "banner_timeout": patience.connect,
        "auth_timeout": patience.connect,
        "auth_strategy": _Keys(to, connection),
    }
    line = _open(to, connection, heard, patience)
    line.gateway = gateway
    return line


def known_keys(to: Host) -> KnownKeys:
    """Return the host keys that hold for a host on this machine, and where they stand."""
    connection = _connection(to, Patience())
    files = known_files(to, connection)
    try:
        found = [file.read_bytes() for file in files if file.is_file()]
    except OSError as error:
        raise BadInventory(f"{to.at}: the known_hosts of {to.name} cannot be read: {error}") from None
    return KnownKeys(b"\n".join(found), str(files[0]), key_alias(to, connection))


def _transport(known: HostKeys, sock: Heard, **settings: Any) -> Transport:
    made = Transport(sock, **settings)  # type: ignore[arg-type]
    known.prefer(made)
    return made


def _connection(to: Host, patience: Patience) -> fabric.Connection:
    port = to.port if to.port != 22 else None  # 22 is also what stands where nobody said anything
    try:
        return fabric.Connection(
            to.address or to.name,
            user=to.user or None,
            port=port,
            gateway=False,
            # One each: making a Connection empties and refills its Config for a moment.
            config=fabric.Config(ssh_config=_ssh_config(), lazy=True),
            connect_timeout=int(patience.connect) or 1,
        )
    except paramiko.ConfigParseError as error:
        raise BadInventory(f"~/.ssh/config cannot be read: {error}") from None


@cache
def _ssh_config() -> paramiko.SSHConfig:
    """Read the two ssh_config files once; Fabric's own files are no part of a run, and left alone."""
    ssh_config = paramiko.SSHConfig()
    for path in (Path.home() / ".ssh/config", Path("/etc/ssh/ssh_config")):
        try:
            with path.open() as lines:
                ssh_config.parse(lines)
        except FileNotFoundError:
            continue
        except (OSError, paramiko.ConfigParseError) as error:
            raise BadInventory(f"{path} cannot be read: {error}") from None
    return ssh_config


_gateways: WeakValueDictionary[tuple[str, str, str], Line] = WeakValueDictionary()
# Entered again for a jump host behind a jump host.
_gateway_lock = threading.RLock()


def _gateway(to: Host, jump: str, patience: Patience) -> Line:
    """Return the one connection to a jump host that every road through it shares.

    One shared connection, as a new one for every host overruns the MaxStartups of a bastion.
    """
    *before, last = jump.split(",")
    user, _, address = last.rpartition("@")
    address, _, port = address.partition(":") if address.count(":") == 1 else (address, "", "")
    key = (jump, to.known_hosts, to.key_file)
    with _gateway_lock:
        line = _gateways.get(key)
        if line is None or not line.alive:
            stop = Host(
                name=f"{to.name} (through {last})",
                address=address.strip("[]"),
                port=int(port) if port else 22,
                user=user,
                key_file=to.key_file,
                known_hosts=to.known_hosts,
                jump=",".join(before),
            )
            line = _gateways[key] = log_in(stop, patience)
        return line


def _socket(
    to: Host, connection: fabric.Connection, gateway: Line | None, patience: Patience
) -> socket.socket | paramiko.Channel | paramiko.ProxyCommand:
    where = (connection.host, int(connection.port))
    try:
        if gateway is not None:
            return gateway.transport.open_channel("direct-tcpip", where, ("", 0), timeout=patience.connect)
        command = connection.ssh_config.get("proxycommand")
        if command and command != "none":
            return paramiko.ProxyCommand(command)
        sock = socket.create_connection(where, timeout=patience.connect)
    except socket.gaierror as error:
        raise Unreachable(
            f"{to.name}: the name {where[0]} leads to no address: {error.strerror}.",
            do="Check ansible_host in the inventory, and the name service.",
        ) from None
    except (OSError, paramiko.SSHException) as error:
        reason = f"no answer in {patience.connect:g} s" if isinstance(error, TimeoutError) else _reason(error)
        raise Unreachable(
            f"{to.name}: no connection to {where[0]} port {where[1]}: {reason}.",
            do="Check that the host is up, sshd listens on that port, and no firewall is between.",
        ) from None
    # Before the handshake: without it every command waits 40 ms for a delayed acknowledgement.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _open(to: Host, connection: fabric.Connection, heard: Heard, patience: Patience) -> Line:
    where = f"{connection.host} port {connection.port}"
    strategy = connection.connect_kwargs["auth_strategy"]
    try:
        connection.open()
        return Line(connection, heard, patience)
    except paramiko.AuthenticationException as error:
        _shut(connection, heard)
        if _BROKEN.search(str(error)):
            raise Unreachable(
                f"{to.name}: the connection to {where} broke while it was deciding to let us in.",
                do="Check that the host is up and not overloaded, and the network between.",
            ) from None
        raise strategy.refused(where) from error
    except (OSError, EOFError, paramiko.SSHException) as error:
        _shut(connection, heard)
        raise Unreachable(
            f"{to.name}: {where} takes connections and does not speak SSH in {patience.connect:g} s: "
            f"{_reason(error)}.",
            do="Check that it is sshd which listens there, and that the host is not overloaded.",
        ) from None
    except Unreachable:
        _shut(connection, heard)
        raise


_PASSWORDS = ("ansible_password", "ansible_ssh_password", "ansible_ssh_pass")

# In paramiko a line that breaks, or a host that falls silent, during the login is a refusal of the key.
_BROKEN = re.compile(r"saw EOF|Authentication timeout")


def _shut(connection: fabric.Connection, heard: Heard) -> None:
    connection.client.close()
    heard.close()


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text or type(error).__name__


class _Keys(AuthStrategy):
    """The keys to try, in order: those named, else those of a living ssh-agent and of ~/.ssh."""

    def __init__(self, to: Host, connection: fabric.Connection) -> None:
        super().__init__(ssh_config=connection.ssh_config)
        self._to = to
        self._user = str(connection.user)
        named = connection.ssh_config.get("identityfile", [])
        self._files = [to.key_file] if to.key_file else [str(name) for name in named]
        self._tried: list[str] = []
        self._problems: list[str] = []

    def get_sources(self) -> Iterator[AuthSource]:
        for file in self._files:
            try:
                yield self._try(load_key(file), file)
            except LoginRefused as error:
                self._problems.append(error.sentence)
        if not self._files or self._problems:
            for key in agent_keys():
                yield self._try(key, "a key of the ssh-agent")
        if not self._files:
            for file, key in default_keys():
                yield self._try(key, file)

    def _try(self, key: paramiko.PKey, name: str) -> AuthSource:
        self._tried.append(name)
        return InMemoryPrivateKey(self._user, key)

    def refused(self, where: str) -> LoginRefused:
        """Return the error that says what was tried."""
        tried = ", ".join(dict.fromkeys(self._tried)) or "no key at all"
        problems = "".join(f" {problem}" for problem in self._problems)
        if named := next((name for name in _PASSWORDS if name in self._to.vars), ""):
            problems += f" Its {named} is not used: a login is by a key here, never by a password."
        return LoginRefused(
            f"{self._to.name}: {where} did not let {self._user} in with {tried}.{problems}",
            do=f"Check ansible_user and ansible_ssh_private_key_file, and that the public key stands in "
            f"~{self._user}/.ssh/authorized_keys on the host.",
        )
