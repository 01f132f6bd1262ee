"""Our own keys: parsed once a process, from a named file, a living ssh-agent, or ~/.ssh."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

from agent.errors import LoginRefused

_DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa")
_LIST_KEYS = b"\x00\x00\x00\x01\x0b"


@cache
def load_key(file: str) -> paramiko.PKey:
    """Return the private key in a file.

    Parsing an RSA key costs 160 ms, so it happens once a process and not once a host.

    Raises:
        LoginRefused: there is no such file, it is no key, or it asks for a passphrase.
    """
    try:
        return paramiko.PKey.from_path(Path(file).expanduser())
    except OSError as error:
        raise LoginRefused(f"The key {file} cannot be read: {error.strerror}.") from None
    except (paramiko.PasswordRequiredException, TypeError):
        raise LoginRefused(
            f"The key {file} has a passphrase: hand it to ssh-agent (ssh-add {file})."
        ) from None
    except (paramiko.SSHException, UnknownKeyType, ValueError):
        raise LoginRefused(f"The file {file} holds no private key we can read.") from None


def default_keys() -> Iterator[tuple[str, paramiko.PKey]]:
    """Yield the usable keys that lie where ssh looks for them, with their files."""
    for name in _DEFAULTS:
        file = Path.home() / ".ssh" / name
        if file.is_file():
            try:
                yield str(file), load_key(str(file))
            except LoginRefused:
                continue  # ssh passes over a key it cannot use just the same


def agent_keys() -> tuple[paramiko.PKey, ...]:
    """Return the keys of the ssh-agent, or none where no agent answers within two seconds.

    A socket left behind by a dead agent otherwise holds the login up for ever.
    """
    path = os.environ.get("SSH_AUTH_SOCK", "")
    if not path:
        return ()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
            agent.settimeout(2.0)
            agent.connect(path)
            agent.sendall(_LIST_KEYS)
            if not agent.recv(1):
                return ()
    except OSError:
        return ()
    return paramiko.Agent().get_keys()
