"""The inventory of a started stack: its template, with what only became known when it was started."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent.errors import BadInventory
from drills.rig.keys import write_private
from drills.rig.stack_words import Words


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


def without(tree: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return the inventory without the hosts of these names, and without what `!stack` says of them.

    Groups stay, though they may be empty.
    """
    named = (
        re.compile(rf":(?:{'|'.join(map(re.escape, sorted(names)))})[:}}]") if names else re.compile("(?!)")
    )
    return {"all": _without(_silent(tree["all"], named), names)}


def _silent(value: Any, named: re.Pattern[str]) -> Any:
    def told(item: Any) -> bool:
        return not (isinstance(item, Tagged) and item.tag == "!stack" and named.search(item.value))

    if isinstance(value, list):
        return [_silent(item, named) for item in value if told(item)]
    if not isinstance(value, dict):
        return value
    return {key: _silent(item, named) for key, item in value.items() if told(item)}


def _without(group: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    left = dict(group)
    if "hosts" in group:
        left["hosts"] = {name: own for name, own in (group["hosts"] or {}).items() if name not in names}
    if "children" in group:
        children = (group["children"] or {}).items()
        left["children"] = {name: _without(child or {}, names) for name, child in children}
    return left


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
    """What a template lacks: how each host is reached, and where key, known_hosts and secrets lie.

    `words` are what a `!stack` text may name; its secrets lie among the others.
    """

    reach: Mapping[str, Reach]
    key_file: Path
    known_hosts: Path
    secrets: Path
    words: Words = field(default_factory=Words)


def fill(tree: Mapping[str, Any], filling: Filling) -> str:
    """Return the inventory the agent reads, as YAML text; a relative `!file` lies among the secrets.

    `!stack "mongodb://root:{secret:root_password}@127.0.0.1:{port:mongo1:27017}/"` becomes that text; where
    it holds a secret, a private file with it and a `!file` that refers to it.

    Raises:
        BadInventory: the template names a host, port or secret that is not in the stack.
    """
    filled: dict[str, Any] = _resolve(tree, filling)
    filled["all"]["vars"] = {
        **(filled["all"].get("vars") or {}),
        "ansible_ssh_private_key_file": str(filling.key_file),
        "drillyard_known_hosts": str(filling.known_hosts),
    }
    _place(filled["all"], filling.reach)
    return text_of(filled)


def text_of(tree: Mapping[str, Any]) -> str:
    """Return an inventory as YAML text, its tagged values as they are."""
    text: str = yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
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


def _resolve(value: Any, filling: Filling, place: tuple[str, ...] = ()) -> Any:
    match value:
        case dict():
            return {key: _resolve(item, filling, (*place, str(key))) for key, item in value.items()}
        case list():
            return [_resolve(item, filling, (*place, str(n))) for n, item in enumerate(value)]
        case Tagged("!file", where):
            return Tagged("!file", str(filling.secrets / Path(where).expanduser()))
        case Tagged("!stack", text):
            return _said(text, filling, place)
        case _:
            return value


def _said(text: str, filling: Filling, place: tuple[str, ...]) -> Any:
    said = filling.words.put_into(text, filling.secrets)
    if not said.secret:
        return said.text
    own = place[place.index("hosts") + 1 :] if "hosts" in place else place
    file = filling.secrets / "-".join(word for word in own if word != "serves")
    write_private(file, said.text.encode())
    return Tagged("!file", str(file))
