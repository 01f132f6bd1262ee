"""What is wrong with a page, said with file and line and the nearest word that would have been right."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from agent.inventory.document import Document, Place
from agent.language import Words
from agent.naming import did_you_mean
from agent.runbook.model import PARAM_TYPES, Item, Objectives, Page, Param, Retry, Step

_PATH = re.compile(r" - at `(?:key in )?\$(.*?)`$", re.DOTALL)
_TOKEN = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_UNKNOWN = re.compile(r"unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"missing required field `(.*)`", re.DOTALL)
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}
_INSIDE: dict[str, type[msgspec.Struct]] = {"objectives": Objectives, "retry": Retry}


def sentence(error: msgspec.ValidationError, document: Document, place: Place) -> str:
    """Return what msgspec found wrong below `place`, with the line it stands on."""
    said = str(error)
    found = _PATH.search(said)
    if found:
        said = said[: found.start()]
        place = (*place, *_steps_of(found[1]))
    if unknown := _UNKNOWN.search(said):
        key = unknown[1]
        return f"{document.at(*place, key)}: {_what(place)} has the unknown key {key}.{_hint(key, place)}"
    if missing := _MISSING.search(said):
        return f"{document.at(*place)}: {_what(place)} needs the key {missing[1]}."
    if said.startswith("Invalid enum value"):
        found_word = said.removeprefix("Invalid enum value ")
        said = f"expected a type among {', '.join(PARAM_TYPES)}, found {found_word}"
    if said.startswith("Expected"):
        key = f"`{place[-1]}`: " if place and isinstance(place[-1], str) else ""
        said = key + in_words(said)
    return f"{document.at(*place)}: {said}."


def keys_of(kind: Any) -> tuple[str, ...]:
    """Return the keys a page may write for one of its structs."""
    names = (each.encode_name for each in msgspec.structs.fields(kind))
    return tuple(name for name in names if not name.startswith("$"))


def in_words(said: str) -> str:
    """Return msgspec's words for a wrong type as a person's: "expected text, found a number"."""

    def types(found: re.Match[str]) -> str:
        return " or ".join(_TYPES.get(each.strip(), each.strip()) for each in found[1].split("|"))

    said = re.sub(r"`([a-z |]+)`", types, said)
    return said.replace("Expected", "expected", 1).replace(", got ", ", found ", 1)


def _steps_of(path: str) -> Place:
    place: list[str | int] = []
    for found in _TOKEN.finditer(path):
        if found[0] == "[...]":
            # The key inside of a mapping is not told: we stay with the mapping.
            break
        place.append(found[1] if found[1] is not None else int(found[2]))
    return tuple(place)


def _kind(place: Place) -> type[msgspec.Struct]:
    if not place:
        return Page
    last = place[-1]
    if len(place) == 2 and place[0] == "params":
        return Param
    if isinstance(last, int):
        return Step if place[-2] != "after" else Item
    return _INSIDE.get(last, Step if last in ("undo", "check") else Words)


def _what(place: Place) -> str:
    kind = _kind(place)
    if kind is Page:
        return "the page"
    if kind is Step:
        return "this step"
    return f"`{place[-1]}`" if isinstance(place[-1], str) else "this text"


def _hint(key: str, place: Place) -> str:
    names = keys_of(_kind(place))
    return did_you_mean(key, names) or f" It may have: {', '.join(names)}."
