"""The inventory of a started stack: its template, with what only became known when it was started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from agent.errors import BadInventory


@dataclass(frozen=True)
class Tagged:
    """A value with a tag of our own, such as `!file redis_password`: kept as it is, never resolved here."""

    tag: str
    value: str


@dataclass(frozen=True)
class Reach:
    """How the agent reaches one host; `port` is 0 where it goes through the engine instead of SSH."""

    address: str
    port: int = 0


@dataclass(frozen=True)
class Unit:
    """A systemd unit that has to be active before a host counts as ready."""

    host: str
    name: str


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _construct(_loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Tagged:
    return Tagged(f"!{suffix}", str(node.value))


def _represent(dumper: yaml.SafeDumper, tagged: Tagged) -> yaml.Node:
    return dumper.represent_scalar(tagged.tag, tagged.value)


_Loader.add_multi_constructor("!", _construct)
_Dumper.add_representer(Tagged, _represent)


def load(template: Path) -> dict[str, Any]:
    """Return a stack's inventory template as plain values and `Tagged` ones.

    Raises:
        BadInventory: it cannot be read, or is no YAML mapping.
    """
    try:
        tree = yaml.load(template.read_text(), Loader=_Loader)
    except (OSError, yaml.YAMLError) as error:
        raise BadInventory(f"{template}: a stack's inventory cannot be read: {error}") from None
    if not isinstance(tree, dict) or not isinstance(tree.get("all"), dict):
        raise BadInventory(f"{template}: expected an inventory that begins with `all:`.")
    return tree


def hosts(tree: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every host's own variables by its name, wherever in the groups it stands."""
    return dict(_hosts(tree["all"]))


def _hosts(group: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, own in (group.get("hosts") or {}).items():
        yield name, own or {}
    for child in (group.get("children") or {}).values():
        yield from _hosts(child or {})


def units(tree: Mapping[str, Any]) -> list[Unit]:
    """Return the systemd units that the hosts of this inventory serve by."""
    return [
        Unit(host, str(service["unit"]))
        for host, own in hosts(tree).items()
        for service in (own.get("serves") or {}).values()
        if service.get("supervisor") == "systemd" and service.get("unit")
    ]


def user(tree: Mapping[str, Any]) -> str:
    """Return whom the agent logs in as."""
    return str((tree["all"].get("vars") or {}).get("ansible_user") or "root")


@dataclass(frozen=True)
class Filling:
    """What a template lacks: how each host is reached, and where key, known_hosts and secrets lie."""

    reach: Mapping[str, Reach]
    key_file: Path
    known_hosts: Path
    secrets: Path


def fill(tree: Mapping[str, Any], filling: Filling) -> str:
    """Return the inventory the agent reads, as YAML text; a relative `!file` lies among the secrets.

    Raises:
        BadInventory: the template names a host that is not in the stack.
    """
    filled: dict[str, Any] = _resolve(tree, filling.secrets)
    filled["all"]["vars"] = {
        **(filled["all"].get("vars") or {}),
        "ansible_ssh_private_key_file": str(filling.key_file),
        "drillyard_known_hosts": str(filling.known_hosts),
    }
    _place(filled["all"], filling.reach)
    text: str = yaml.dump(filled, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return "# Written by the rig when the stack was started.\n" + text


def _place(group: dict[str, Any], reach: Mapping[str, Reach]) -> None:
    for name, own in (group.get("hosts") or {}).items():
        if name not in reach:
            known = ", ".join(sorted(reach)) or "none"
            raise BadInventory(f"The stack's inventory names {name}; its compose file has {known}.")
        where = {"ansible_host": reach[name].address}
        group["hosts"][name] = where | ({"ansible_port": reach[name].port} if reach[name].port else {})
        group["hosts"][name] |= own or {}
    for child in (group.get("children") or {}).values():
        _place(child or {}, reach)


def _resolve(value: Any, secrets: Path) -> Any:
    match value:
        case dict():
            return {key: _resolve(item, secrets) for key, item in value.items()}
        case list():
            return [_resolve(item, secrets) for item in value]
        case Tagged("!file", where):
            return Tagged("!file", str(secrets / Path(where).expanduser()))
        case _:
            return value
