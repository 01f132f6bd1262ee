"""In which known_hosts files a host's key stands, and under which name: the inventory, then ssh_config."""

from __future__ import annotations

import getpass
import re
from pathlib import Path

import fabric

from agent.errors import BadInventory
from agent.inventory.model import Host

_DEFAULTS = {
    "userknownhostsfile": "~/.ssh/known_hosts ~/.ssh/known_hosts2",
    "globalknownhostsfile": "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2",
}


def known_files(to: Host, connection: fabric.Connection) -> list[Path]:
    """Return the files, the user's own before the machine's; at least one, whether it exists or not.

    Raises:
        BadInventory: ssh_config names none, or one with a token that is not read here.
    """
    if to.known_hosts:
        return [Path(to.known_hosts).expanduser()]
    files = []
    for option, default in _DEFAULTS.items():
        named = str(connection.ssh_config.get(option, default)).split()
        if named != ["none"]:
            files += [Path(_meant(name, to, connection)).expanduser() for name in named]
    if not files:
        raise BadInventory(
            f"{to.name}: UserKnownHostsFile and GlobalKnownHostsFile are none, so no host key is known.",
            do="Name one there, or as drillyard_known_hosts in the inventory.",
        )
    return files


def key_alias(to: Host, connection: fabric.Connection) -> str:
    """Return the name under which known_hosts has the host's key ("" = its address and port)."""
    return to.key_alias or str(connection.ssh_config.get("hostkeyalias", ""))


def _meant(name: str, to: Host, connection: fabric.Connection) -> str:
    """Return a file's name without ssh's tokens."""
    asked = to.address or to.name
    tokens = {
        "%": "%",
        "d": str(Path.home()),
        "h": str(connection.host),
        "k": key_alias(to, connection) or asked,
        "n": asked,
        "p": str(connection.port),
        "r": str(connection.user),
        "u": getpass.getuser(),
    }

    def token(found: re.Match[str]) -> str:
        if found[1] not in tokens:
            raise BadInventory(
                f"{to.name}: the known_hosts file {name} of ~/.ssh/config has the token {found[0]}, "
                f"and only {', '.join(f'%{sign}' for sign in tokens)} are read here.",
                do="Write out what it stands for, or name the file as drillyard_known_hosts.",
            )
        return tokens[found[1]]

    return re.sub("%(.?)", token, name)
