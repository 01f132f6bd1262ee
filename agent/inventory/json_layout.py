"""The JSON of `ansible-inventory --list` and of dynamic inventories: groups with lists, and `_meta`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agent.errors import BadInventory
from agent.inventory.document import Document, Place
from agent.inventory.draft import Draft, Layer, layer, type_name

Ask = Callable[[str], Document]


def is_listing(document: Document) -> bool:
    """Whether a document is in this layout and not Ansible's YAML layout written as JSON."""
    data = document.data
    if not isinstance(data, dict):
        return False
    groups = [each for each in data.values() if isinstance(each, dict)]
    return "_meta" in data or any(
        isinstance(each.get(key), list) for each in groups for key in ("hosts", "children")
    )


def read_listing(document: Document, draft: Draft, ask: Ask | None = None) -> None:
    """Add what a listing says to the draft; where it has no `_meta`, `ask(host)` gives a host's variables.

    As in Ansible variables in `_meta` count for hosts in the listing's own groups alone.

    Raises:
        BadInventory: it is not in that layout.
    """
    data = document.data
    if not isinstance(data, dict):
        raise _wrong(document, (), "groups by name", data)
    meta = _mapping(document, ("_meta",), data.get("_meta"))
    known = _mapping(document, ("_meta", "hostvars"), meta.get("hostvars"))
    named: dict[str, None] = {}
    for name in data:
        if name != "_meta":
            named |= dict.fromkeys(_group(document, draft, name))
    for host in named:
        if host in known:
            draft.hosts[host].vars.update(layer(document, ("_meta", "hostvars", host), known[host]))
        elif ask and "_meta" not in data:
            own = ask(host)
            draft.hosts[host].vars.update(layer(own, (), own.data))


def _group(document: Document, draft: Draft, name: str) -> list[str]:
    data = document.data[name]
    # The oldest form of all: a group is the list of its hosts.
    content = {"hosts": data} if isinstance(data, list) else _mapping(document, (name,), data)
    at = document.at(name)
    group = draft.group(name, at)
    inside = {key: content.get(key) for key in ("hosts", "children", "vars")}
    none: Layer = {}
    hosts = _names(document, (name, "hosts"), inside["hosts"])
    for n, host in enumerate(hosts):
        draft.add_host(name, host, document.at(name, "hosts", n), none)
    for n, child in enumerate(_names(document, (name, "children"), inside["children"])):
        where = document.at(name, "children", n)
        draft.group(child, where)
        draft.add_child(name, child, where)
    group.vars.update(layer(document, (name, "vars"), inside["vars"]))
    return hosts


def _names(document: Document, place: Place, data: Any) -> list[str]:
    if data is None:
        return []
    if not isinstance(data, list) or not all(isinstance(each, str) for each in data):
        raise _wrong(document, place, "a list of names", data)
    return data


def _mapping(document: Document, place: Place, data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise _wrong(document, place, "a mapping", data)
    return data


def _wrong(document: Document, place: Place, expected: str, data: object) -> BadInventory:
    what = ".".join(map(str, place)) or "the listing"
    return BadInventory(
        f"{document.at(*place)}: {what} should be {expected}, found {type_name(data)}.",
        do="Compare with `ansible-inventory --list`.",
    )
