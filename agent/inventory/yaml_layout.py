"""Ansible's YAML layout: groups with hosts, children and vars, nested as deep as a team likes."""

from __future__ import annotations

from typing import Any

from agent.errors import BadInventory
from agent.inventory.document import Document, Place
from agent.inventory.draft import Draft, layer, type_name
from agent.naming import did_you_mean

_KEYS = ("hosts", "children", "vars")


def read_yaml(document: Document, draft: Draft) -> None:
    """Add what a YAML document says to the draft.

    Raises:
        BadInventory: it is not in that layout.
    """
    if document.data is None:
        return
    if not isinstance(document.data, dict):
        raise BadInventory(
            f"{document.at()}: expected groups (all: hosts: ...), found {type_name(document.data)}."
        )
    if "plugin" in document.data:
        raise BadInventory(
            f"{document.at('plugin')}: Ansible's plugins are not run here.",
            do="Give the output of `ansible-inventory --list --yaml` as the inventory.",
        )
    for name in document.data:
        if name in _KEYS:
            raise BadInventory(
                f"{document.at(name)}: expected the name of a group, found {name}.",
                do=f"Put {name} below all:.",
            )
        _group(document, draft, (name,), document.data[name])


def _group(document: Document, draft: Draft, place: Place, data: Any) -> None:
    name = str(place[-1])
    at = document.at(*place)
    group = draft.group(name, at)
    for key, inside in _mapping(document, place, data).items():
        here = (*place, key)
        if key == "vars":
            group.vars.update(layer(document, here, inside))
        elif key == "children":
            for child, content in _mapping(document, here, inside).items():
                _group(document, draft, (*here, child), content)
                draft.add_child(name, child, document.at(*here, child))
        elif key == "hosts":
            for pattern, found in _mapping(document, here, inside).items():
                where = (*here, pattern)
                draft.add_hosts(name, pattern, document.at(*where), layer(document, where, found))
        else:
            raise BadInventory(
                f"{document.at(*here)}: the group {name} has the unknown key {key}; "
                f"expected hosts, children or vars.{did_you_mean(key, _KEYS)}",
                do="A group's variables stand below its vars:.",
            )


def _mapping(document: Document, place: Place, data: Any) -> dict[str, Any]:
    if data is None:
        return {}
    if isinstance(data, str):
        return {data: None}
    if not isinstance(data, dict):
        raise BadInventory(
            f"{document.at(*place)}: {place[-1]} should be a mapping (name: ...), found {type_name(data)}."
        )
    return data
