"""The inventory while it is being read: groups, hosts, and variables that know where they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.errors import BadInventory
from agent.inventory.document import Document, Place
from agent.inventory.model import Where
from agent.inventory.ranges import expand
from agent.inventory.references import referenced

_IMPLIED = ("all", "ungrouped")


@dataclass(frozen=True)
class Value:
    """The value of a variable and the place it is written at."""

    data: Any
    document: Document
    place: Place

    def at(self, *inner: str | int) -> Where:
        """Return where it, or a part of it, is written."""
        return self.document.at(*self.place, *inner)


Layer = dict[str, Value]


def layer(document: Document, place: Place, data: object) -> Layer:
    """Return a mapping of variables as a layer; None is an empty one.

    Raises:
        BadInventory: it is no mapping, or a secret is written out.
    """
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise BadInventory(
            f"{document.at(*place)}: expected variables (name: value), found {type_name(data)}."
        )
    found = {}
    for name, each in data.items():
        bare = Value(each, document, (*place, name))
        found[name] = Value(referenced(name, each, bare.at), document, bare.place)
    return found


def type_name(value: object) -> str:
    """Return what a person calls the type of a value that came out of a file."""
    names = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number" if isinstance(value, int | float) else "a secret")


@dataclass
class GroupDraft:
    """A group while it is being read."""

    name: str
    vars: Layer = field(default_factory=dict)
    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)


@dataclass
class HostDraft:
    """A host while it is being read."""

    name: str
    at: Where
    vars: Layer = field(default_factory=dict)


class Draft:
    """Everything that the sources say, in the order they say it."""

    def __init__(self) -> None:
        """Begin with the two groups that every inventory has."""
        self.groups: dict[str, GroupDraft] = {name: GroupDraft(name) for name in _IMPLIED}
        self.hosts: dict[str, HostDraft] = {}

    def group(self, name: str, at: Where) -> GroupDraft:
        """Return the group of that name, new or known."""
        if not name.strip() or any(letter in name for letter in ":,!&[]{}~@ "):
            raise BadInventory(f"{at}: {name!r} is no name for a group; letters, digits, - and _ are.")
        return self.groups.setdefault(name, GroupDraft(name))

    def add_hosts(self, group: str, pattern: str, at: Where, found: Layer) -> None:
        """Put the hosts a pattern stands for into a group, with their variables."""
        name, colon, port = pattern.rpartition(":")
        has_port = bool(colon and port.isdigit() and name and ":" not in name.split("]")[-1])
        try:
            names = expand(name if has_port else pattern)
        except ValueError as problem:
            raise BadInventory(f"{at}: {problem}.") from None
        if has_port:
            document = Document({}, at.file, {(): at.line})
            found = {"ansible_port": Value(int(port[:9]), document, ())} | found
        for one in names:
            self.add_host(group, one, at, found)

    def add_host(self, group: str, name: str, at: Where, found: Layer) -> None:
        """Put one host, named as it is, into a group, with its variables."""
        if not name.strip() or any(letter in name for letter in ",!&{}~ /") or name.startswith(("-", "@")):
            raise BadInventory(f"{at}: {name!r} is no name for a host.")
        self.hosts.setdefault(name, HostDraft(name, at)).vars.update(found)
        self.groups[group].hosts[name] = None

    def add_child(self, parent: str, child: str, at: Where) -> None:
        """Put a group below another.

        Raises:
            BadInventory: the two would contain each other.
        """
        if parent == child or parent in self._below(child):
            raise BadInventory(f"{at}: the groups {parent} and {child} would contain each other.")
        if child == "all":
            raise BadInventory(f"{at}: the group all stands above every other, found below {parent}.")
        self.groups[parent].children[child] = None

    def _below(self, name: str) -> Iterator[str]:
        """Yield the groups below a group, the nearest first."""
        waiting, seen = [name], {name}
        while waiting:
            for child in self.groups[waiting.pop(0)].children:
                if child not in seen:
                    seen.add(child)
                    waiting.append(child)
                    yield child

    def members(self) -> dict[str, tuple[str, ...]]:
        """Return the hosts of every group, those of its children too: its own first, each in the order there.

        As in Ansible that is what an index counts by: `redis[0]` is who stands first in the group redis,
        wherever else that host is named. All hosts are in the order in which they are first named.
        """
        found = {}
        for name, group in self.groups.items():
            inside = dict(group.hosts)
            for child in self._below(name):
                inside |= self.groups[child].hosts
            found[name] = tuple(inside)
        found["all"] = tuple(self.hosts)
        named = {host for name, hosts in found.items() if name not in _IMPLIED for host in hosts}
        found["ungrouped"] = tuple(name for name in self.hosts if name not in named)
        return found

    def depths(self) -> dict[str, int]:
        """Return how far below `all` each group is, by the longest way."""
        depth = dict.fromkeys(self.groups, 1) | {"all": 0}
        # A group can only move as deep as there are groups, since none contains itself.
        for _ in self.groups:
            moved = False
            for name, group in self.groups.items():
                for child in group.children:
                    if depth[child] < depth[name] + 1:
                        depth[child] = depth[name] + 1
                        moved = True
            if not moved:
                break
        return depth
