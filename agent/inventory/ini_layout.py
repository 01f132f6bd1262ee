"""Ansible's INI layout: `[group]`, `[group:children]`, `[group:vars]`, and a host a line."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

from agent.errors import BadInventory
from agent.inventory.document import Document
from agent.inventory.draft import Draft, Layer, layer
from agent.inventory.model import Where
from agent.naming import did_you_mean

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?")
_KINDS = ("hosts", "children", "vars")


def read_ini(path: Path, draft: Draft) -> None:
    """Add what an INI file says to the draft.

    Values are Python literals where they can be (`True`, `[1, 2]`), else the text they are.

    Raises:
        BadInventory: it is not in that layout.
    """
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except OSError as problem:
        raise BadInventory(f"{path}: expected a file, and it cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError as problem:
        raise BadInventory(
            f"{path}: expected text in UTF-8, found another byte at {problem.start}."
        ) from None
    section, kind = "ungrouped", "hosts"
    named: dict[str, Where] = {}
    declared = set(draft.groups)
    for number, line in enumerate(lines, 1):
        at = Where(str(path), number)
        text = line.strip()
        if not text or text[0] in "#;":
            continue
        if text.startswith("[") and (found := _SECTION.fullmatch(text)):
            section, kind = found[1], found[2] or "hosts"
            if kind not in _KINDS:
                hint = did_you_mean(kind, _KINDS)
                raise BadInventory(f"{at}: expected [group:children] or [group:vars], found :{kind}.{hint}")
            draft.group(section, at)
            if kind == "vars":
                named.setdefault(section, at)
            else:
                declared.add(section)
        elif kind == "vars":
            draft.groups[section].vars.update(_assignment(text, at))
        elif kind == "children":
            child = text.split("#")[0].strip()
            draft.group(child, at)
            draft.add_child(section, child, at)
            named.setdefault(child, at)
        else:
            _host(text, at, section, draft)
    for name, at in named.items():
        if name not in declared:
            raise BadInventory(f"{at}: the group {name} is nowhere declared.{did_you_mean(name, declared)}")


def _host(text: str, at: Where, group: str, draft: Draft) -> None:
    try:
        name, *rest = shlex.split(text, comments=True)
    except ValueError as problem:
        raise BadInventory(f"{at}: the line cannot be read: {problem}.") from None
    found: Layer = {}
    for word in rest:
        if "=" not in word:
            raise BadInventory(f"{at}: expected name=value after the host {name}, found {word!r}.")
        found |= _assignment(word, at)
    draft.add_hosts(group, name, at, found)


def _assignment(text: str, at: Where) -> Layer:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise BadInventory(f"{at}: expected name=value, found {text!r}.")
    document = Document({}, at.file, {(): at.line})
    return layer(document, (), {name.strip(): _literal(value.strip())})


def _literal(text: str) -> Any:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text
    return value if _is_plain(value) else text


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | int | float)
