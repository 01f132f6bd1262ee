"""A runbook page from its file: read, its words checked, its steps named, its includes put in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from agent.errors import BadPage, NotFound
from agent.inventory.document import Document, Place, parse
from agent.naming import did_you_mean, find_page
from agent.runbook.faults import keys_of, sentence
from agent.runbook.model import Included, Page, Param, Step, decode
from agent.runbook.params import as_default, fitted
from agent.runbook.settle import renamed, settle
from agent.runbook.tags import settled as with_tags


def load_page(
    page: str | Path, folders: Sequence[Path] = (), placed: Mapping[tuple[str, str], Path] | None = None
) -> Page:
    """Return a page by its name (searched in `folders`, then among ours) or by its path.

    A step that includes another page comes back as a block of that page's steps. An expression's names and
    an action's arguments are `check_page`'s, which also has an inventory. `placed` says where a page lies
    that the page at a path includes under a name: the copies of a run.

    Raises:
        BadPage: it cannot be used; the sentence has a line for everything found, with file and line.
        NotFound: there is no such page.
    """
    path = page if isinstance(page, Path) and page.is_file() else find_page(str(page), folders)
    return _load(path, _Where(tuple(folders), placed or {}), ())


@dataclass(frozen=True)
class _Where:
    """Where included pages are: in `folders`, or where they were `placed`."""

    folders: tuple[Path, ...]
    placed: Mapping[tuple[str, str], Path]


def _load(path: Path, where: _Where, above: tuple[Path, ...]) -> Page:
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as problem:
        raise BadPage(f"{path}: the page cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError as problem:
        raise BadPage(f"{path}: expected text in UTF-8, found another byte at {problem.start}.") from None
    document = parse(text, str(path), BadPage)
    page = _decoded(document)
    puts_in = _Include(where, path, (*above, path.resolve()))
    settled, problems = settle(page, document, puts_in)
    if problems:
        raise BadPage("\n".join(problems))
    fingerprint = hashlib.sha256(content + "".join(puts_in.fingerprints).encode()).hexdigest()
    included = tuple(dict.fromkeys(puts_in.included))
    named = {"name": path.stem, "path": str(path), "sha256": fingerprint, "included": included}
    return msgspec.structs.replace(with_tags(settled), **named)


def _decoded(document: Document) -> Page:
    """Return the document as a page, or raise BadPage with everything that is wrong with it.

    msgspec stops at the first fault, so every step and parameter is tried on its own first.
    """
    data = document.data
    if not isinstance(data, dict):
        raise BadPage(f"{document.at()}: expected a page (title: ..., steps: ...), found none.")
    problems = list(_unknown_keys(document))
    tried = ("steps", "prove", "params")
    rest = {
        key: type(each)() if key in tried and isinstance(each, list | dict) else each
        for key, each in data.items()
        if key in keys_of(Page)
    }
    problems += _fault(rest, Page, document, ())
    if data.get("steps", [None]) == []:
        problems.append(f"{document.at('steps')}: `steps`: expected at least one step, found none.")
    for place, kind, piece in _pieces(data):
        problems += _fault(piece, kind, document, place)
    if problems:
        raise BadPage("\n".join(problems))
    page: Page = decode(data, Page)
    return page


def _pieces(data: dict[str, Any]) -> Iterator[tuple[Place, type, Any]]:
    for key in ("steps", "prove"):
        listed = data.get(key)
        for n, piece in enumerate(listed if isinstance(listed, list) else []):
            yield (key, n), Step, piece
    params = data.get("params")
    for name, piece in (params if isinstance(params, dict) else {}).items():
        yield ("params", name), Param, piece


def _fault(data: Any, kind: type, document: Document, place: Place) -> list[str]:
    try:
        decode(data, kind)
    except msgspec.ValidationError as error:
        return [sentence(error, document, place)]
    return []


def _unknown_keys(document: Document) -> Iterator[str]:
    known = keys_of(Page)
    for key in document.data:
        if key not in known:
            yield f"{document.at(key)}: the page has the unknown key {key}.{did_you_mean(key, known)}"
    for place in document.lines:
        key = str(place[-1]) if len(place) > 1 else ""
        if key.startswith("$") and not {"with", "default"} & set(place):
            yield f"{document.at(*place)}: the key {key} is unknown."


@dataclass
class _Include:
    """Puts the steps of another page in the place of a step; `chain` are the pages we are inside of."""

    where: _Where
    path: Path
    chain: tuple[Path, ...]
    fingerprints: list[str] = field(default_factory=list)
    included: list[Included] = field(default_factory=list)

    def __call__(self, step: Step) -> tuple[Step, ...]:
        """Return the steps of the page that `step` includes, its parameters given.

        Raises:
            BadPage: the page cannot be used, includes itself, or its parameters are not given right.
            NotFound: there is no such page.
        """
        path = self._find(step.include)
        if path.resolve() in self.chain:
            raise BadPage(f"the page {step.include} would include itself.")
        page = _load(path, self.where, self.chain)
        self.fingerprints.append(page.sha256)
        self.included += [Included(str(self.path), step.include, str(path), page.sha256), *page.included]
        given = {name: as_default(param) for name, param in page.params.items() if not param.required}
        for name, value in step.arguments.items():
            if name not in page.params:
                known = ", ".join(page.params) or "none"
                raise BadPage(f"the page {step.include} has no parameter {name}; it has {known}.")
            given[name] = fitted(name, page.params[name], value)
        missing = [name for name in page.params if name not in given]
        if missing:
            raise BadPage(f"the page {step.include} needs {', '.join(missing)} below `with`.")
        return tuple(renamed(each, step.id, given, page.system) for each in page.steps)

    def _find(self, name: str) -> Path:
        if placed := self.where.placed.get((str(self.path), name)):
            return placed
        beside = self.path.parent / f"{name}{self.path.suffix}"
        try:
            return find_page(name, self.where.folders)
        except NotFound:
            if "/" not in name and beside.is_file():
                return beside
            raise
