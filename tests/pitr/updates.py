"""Documents, and updates of them as a server would describe them; what they lead to, in plain Python."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

Doc = dict[str, Any]


def some_value(r: Random, depth: int = 0) -> Any:
    """Return a number, a document or an array."""
    dice = r.random()
    if depth < 2 and dice < 0.2:
        return {name: some_value(r, depth + 1) for name in r.sample("abc", r.randrange(1, 3))}
    if depth < 2 and dice < 0.4:
        return [some_value(r, depth + 1) for _ in range(r.randrange(4))]
    return r.randrange(100)


def some_document(r: Random) -> Doc:
    """Return a document."""
    return {"_id": 1, **{name: some_value(r) for name in "abc"}}


def _places(of: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = []
    for name, each in of.items() if isinstance(of, dict) else enumerate(of):
        here = (*path, str(name))
        found.append((here, each))
        if isinstance(each, dict | list):
            found += _places(each, here)
    return found


def some_update(doc: Doc, r: Random) -> Doc:
    """Return the `updateDescription` of one update that is possible on `doc`."""
    places = [(path, each) for path, each in _places(doc) if path[0] != "_id"]
    arrays = [(path, each) for path, each in places if isinstance(each, list)]
    filled = [(path, each) for path, each in arrays if each]
    dice = r.random()
    if places and dice < 0.3:
        return {"updatedFields": {".".join(r.choice(places)[0]): some_value(r)}}
    if places and dice < 0.5 and not (path := r.choice(places)[0])[-1].isdigit():
        return {"removedFields": [".".join(path)]}
    if arrays and dice < 0.7:
        path, each = r.choice(arrays)
        return {"updatedFields": {".".join((*path, str(len(each)))): some_value(r)}}
    if filled and dice < 0.85:
        path, each = r.choice(filled)
        return {"truncatedArrays": [{"field": ".".join(path), "newSize": r.randrange(len(each))}]}
    within = r.choice([(), *(path for path, each in places if isinstance(each, dict))])
    return {"updatedFields": {".".join((*within, r.choice("abcdef"))): some_value(r)}}


def updated(doc: Doc, description: Doc) -> Doc:
    """Return what a server makes of a document; only for updates that are possible on it."""
    after = deepcopy(doc)
    for cut in description.get("truncatedArrays", ()):
        del _parent(after, [*cut["field"].split("."), ""])[cut["newSize"] :]
    for path in description.get("removedFields", ()):
        del _parent(after, path.split("."))[path.split(".")[-1]]
    for path, value in description.get("updatedFields", {}).items():
        steps = path.split(".")
        parent, last = _parent(after, steps), steps[-1]
        if isinstance(parent, dict):
            parent[last] = deepcopy(value)
        elif int(last) == len(parent):
            parent.append(deepcopy(value))
        else:
            parent[int(last)] = deepcopy(value)
    return after


def _parent(doc: Doc, steps: list[str]) -> Any:
    here: Any = doc
    for step in steps[:-1]:
        here = here[step] if isinstance(here, dict) else here[int(step)]
    return here
