"""One host out of its variables: the road to it, who we are there, and what it serves."""

from __future__ import annotations

from typing import Any

from agent.errors import BadInventory
from agent.inventory.draft import HostDraft, Layer, Value, type_name
from agent.inventory.links import linked
from agent.inventory.model import Host, Where
from agent.inventory.precedence import merged
from agent.inventory.references import resolved
from agent.inventory.serves import services
from agent.inventory.ssh_args import SshArgs, read_ssh_args
from agent.naming import did_you_mean
from agent.secrets import Secret

_ROADS = {
    "ssh": "ssh",
    "smart": "ssh",
    "paramiko": "ssh",
    "paramiko_ssh": "ssh",
    "local": "local",
    "docker": "docker",
}
_TRUE = ("yes", "true", "on", "1")
_FALSE = ("no", "false", "off", "0", "")


def host_of(draft: HostDraft, groups: tuple[str, ...], layers: list[Layer]) -> Host:
    """Return a host out of its layers of variables, the weakest first.

    Raises:
        BadInventory: a variable of ours or of Ansible's connection is not what it should be.
    """
    layers = linked(layers)
    found = merged(layers)
    read = _Reader(draft.name, found)
    road = _road(draft.name, found)
    args = read.ssh_args()
    address = read.text("ansible_host", "ansible_ssh_host") or draft.name
    key_file = read.path("ansible_ssh_private_key_file", "ansible_private_key_file")
    return Host(
        name=draft.name,
        road=road,
        address="" if road == "local" else address,
        port=read.port(),
        user=read.text("ansible_user", "ansible_ssh_user"),
        become=read.becomes_root(),
        become_password=read.secret("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"),
        key_file=key_file or args.key_file,
        known_hosts=read.path("drillyard_known_hosts") or args.known_hosts,
        key_alias=args.key_alias,
        jump=args.jump,
        environment=read.text("env"),
        state_dir=read.text("drillyard_state_dir") or Host.state_dir,
        groups=groups,
        services=services(draft.name, layers),
        vars={name: value.data for name, value in found.items()},
        places={name: value.at() for name, value in found.items()},
        at=draft.at,
    )


def _road(host: str, found: Layer) -> str:
    value = found.get("ansible_connection")
    if value is None:
        return "ssh"
    if not isinstance(value.data, str) or value.data.rpartition(".")[2] not in _ROADS:
        hint = did_you_mean(str(value.data), _ROADS)
        raise BadInventory(
            f"{value.at()}: ansible_connection of {host} should be ssh, local or docker, "
            f"found {value.data!r}.{hint}"
        )
    return _ROADS[value.data.rpartition(".")[2]]


class _Reader:
    """The variables of one host, read as the types they should have."""

    def __init__(self, host: str, found: Layer) -> None:
        self._host = host
        self._found = found

    def text(self, *names: str) -> str:
        name, value = self._first(names)
        if value is None or value.data is None:
            return ""
        if isinstance(value.data, bool) or not isinstance(value.data, str | int | float):
            raise self._wrong(name, "text", value)
        text = str(value.data)
        if "{{" in text:
            raise BadInventory(
                f"{value.at()}: {name} of {self._host} is a template, and templates are not read here.",
                do="Write out what it stands for.",
            )
        return text.strip()

    def becomes_root(self) -> bool:
        """Whether changing steps run as root by sudo, the only way there is here: others are refused."""
        becomes = self.flag("ansible_become")
        for names, only in (
            (("ansible_become_method",), "sudo"),
            (("ansible_become_user", "ansible_sudo_user", "ansible_su_user"), "root"),
        ):
            name, value = self._first(names)
            found = self.text(*names)
            bare = found.rpartition(".")[2] if only == "sudo" else found  # Only a method has a collection.
            if becomes and value and bare not in ("", only):
                raise BadInventory(
                    f"{value.at()}: {name} of {self._host} should be {only}, found {found!r}: "
                    "steps become root by sudo, and no other user in another way.",
                    do="Take it out where root by sudo is fine; else let ansible_user be who may act, "
                    "without ansible_become.",
                )
        return becomes

    def path(self, *names: str) -> str:
        text = self.text(*names)
        _, value = self._first(names)
        return resolved(text, value.at()) if text and value else ""

    def secret(self, *names: str) -> Secret | None:
        name, value = self._first(names)
        if value is None or value.data is None or value.data == "":
            return None
        if not isinstance(value.data, Secret):
            raise self._wrong(name, "a reference to a secret", value)
        return value.data

    def port(self) -> int:
        name, value = self._first(("ansible_port", "ansible_ssh_port"))
        if value is None or value.data is None:
            return 22
        text = self.text(name)
        if not text.isdecimal() or not 0 < int(text[:9]) < 65536:
            raise self._wrong(name, "a port between 1 and 65535", value)
        return int(text)

    def flag(self, name: str) -> bool:
        _, value = self._first((name,))
        text = "" if value is None or value.data is None else str(value.data).strip().lower()
        if value is not None and text not in (*_TRUE, *_FALSE):
            raise self._wrong(name, "yes or no", value)
        return text in _TRUE

    def ssh_args(self) -> SshArgs:
        jump = known = key = alias = ""
        for name in ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args"):
            text = self.text(name)
            if not text:
                continue
            at = self._found[name].at()
            try:
                args = read_ssh_args(text)
            except ValueError as problem:
                raise BadInventory(f"{at}: {name} of {self._host}: {problem}.") from None
            jump = jump or args.jump
            known = known or _resolved(args.known_hosts, at)
            key = key or _resolved(args.key_file, at)
            alias = alias or args.key_alias
        return SshArgs(jump, known, key, alias)

    def _first(self, names: tuple[str, ...]) -> tuple[str, Value | None]:
        for name in names:
            if name in self._found:
                return name, self._found[name]
        return names[0], None

    def _wrong(self, name: str, expected: str, value: Value) -> BadInventory:
        plain = isinstance(value.data, str | int | float) and "pass" not in name
        shown: Any = repr(value.data) if plain else type_name(value.data)
        return BadInventory(f"{value.at()}: {name} of {self._host} should be {expected}, found {shown}.")


def _resolved(path: str, at: Where) -> str:
    return resolved(path, at) if path else ""
