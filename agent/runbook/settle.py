"""What a page's steps are called and where they stand: ids, lines, includes, the syntax of expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from agent.errors import BadPage, NotFound
from agent.inventory.document import Document, Place
from agent.language import Words
from agent.runbook import expressions
from agent.runbook.model import BUILT_IN, Item, Page, Param, Step
from agent.runbook.params import as_default, fitted

_INSIDE = ("block", "rescue", "always")
Include = Callable[[Step], tuple[Step, ...]]


def settle(page: Page, document: Document, include: Include) -> tuple[Page, list[str]]:
    """Return the page with every step settled, and a sentence for each thing that is wrong with it."""
    settling = _Settling(document, include)
    settling.reserve(page)
    settled = msgspec.structs.replace(
        page,
        at=document.at("title"),
        params={name: settling.param(name, param) for name, param in page.params.items()},
        steps=settling.steps(page.steps, ("steps",)),
        prove=settling.steps(page.prove, ("prove",)),
        after=settling.items(page.after, ("after",)),
    )
    return settled, settling.problems


def renamed(step: Step, prefix: str, given: dict[str, Any], system: str) -> Step:
    """Return a step of an included page: its id below the including step's, its parameters given.

    It still acts on the `system` of the page that it comes from.
    """
    changes: dict[str, Any] = {
        key: tuple(renamed(each, prefix, given, system) for each in getattr(step, key)) for key in _INSIDE
    }
    return msgspec.structs.replace(
        step,
        **changes,
        id=f"{prefix}.{step.id}"[:200],
        system=step.system or system,
        given=(given, *step.given),
        undo=renamed(step.undo, prefix, given, system) if step.undo else None,
    )


def expressions_of(step: Step) -> Iterator[tuple[Place, str]]:
    """Yield every expression of a step, those of the steps inside it left out, with its key.

    Raises:
        BadPage: a `{{ }}` that cannot be read.
    """
    if isinstance(step.when, str):
        yield ("when",), step.when
    if step.retry and step.retry.until:
        yield ("retry", "until"), step.retry.until
    for key, value in (("sh", step.sh), ("with", step.arguments)):
        for place, text in _texts((key,), value):
            for each in expressions.pieces(text):
                yield place, each


def _texts(place: Place, value: Any) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _texts((*place, key), each)
    elif isinstance(value, list | tuple):
        for n, each in enumerate(value):
            yield from _texts((*place, n), each)


class _Settling:
    """The ids taken so far in one page, and what is wrong with it."""

    def __init__(self, document: Document, include: Include) -> None:
        self.problems: list[str] = []
        self._document = document
        self._include = include
        self._ids: set[str] = set()
        self._given: set[str] = set()

    def reserve(self, page: Page) -> None:
        """Set aside the ids that the page gives, so that none made from a name takes them."""
        self._ids |= {step.id for step in (*page.every_step(), *page.checks)}

    def param(self, name: str, param: Param) -> Param:
        place = ("params", name)
        if not re.fullmatch(r"[A-Za-z]\w*", name, re.ASCII) or name in BUILT_IN:
            self._problem(place, f"{name!r} cannot be the name of a parameter.")
        if param.required:
            return param
        try:
            fitted(f"the default of {name}", param, param.default)
        except BadPage as problem:
            self._problem(place, str(problem))
            return param
        return msgspec.structs.replace(param, default=as_default(param, self._document.at(*place)))

    def steps(self, steps: Sequence[Step], place: Place) -> tuple[Step, ...]:
        return tuple(self._step(step, (*place, n)) for n, step in enumerate(steps))

    def items(self, items: Sequence[str | Item], place: Place) -> tuple[str | Item, ...]:
        return tuple(self._item(item, (*place, n)) for n, item in enumerate(items))

    def _item(self, item: str | Item, place: Place) -> str | Item:
        if isinstance(item, str) or item.check is None:
            return item
        named = msgspec.structs.replace(item.check, name=item.check.name or Words(item.en, item.ko))
        return msgspec.structs.replace(item, check=self._step(named, (*place, "check")))

    def _step(self, step: Step, place: Place) -> Step:
        if step.id in self._given:
            self._problem((*place, "id"), f"the id {step.id} is given to two steps; an id stands for one.")
        self._given |= {step.id} - {""}
        changes: dict[str, Any] = {"id": step.id or self._new_id(step), "at": self._document.at(*place)}
        changes |= {key: self.steps(getattr(step, key), (*place, key)) for key in _INSIDE}
        if step.undo:
            changes["undo"] = self._step(step.undo, (*place, "undo"))
        self._syntax(step, place)
        settled: Step = msgspec.structs.replace(step, **changes)
        return self._included(settled, place) if step.include else settled

    def _included(self, step: Step, place: Place) -> Step:
        try:
            block = self._include(step)
        except (BadPage, NotFound) as problem:
            self._problem((*place, "include"), str(problem))
            return step
        return msgspec.structs.replace(
            step, name=step.name or step.include, block=block, include="", arguments={}
        )

    def _new_id(self, step: Step) -> str:
        title = step.include or step.title("en")
        stem = re.sub(r"[^a-z0-9.]+", "-", title.lower())[:40].strip("-.") or "step"
        name, n = stem, 1
        while name in self._ids:
            n += 1
            name = f"{stem}-{n}"
        self._ids.add(name)
        return name

    def _syntax(self, step: Step, place: Place) -> None:
        try:
            for key, expression in expressions_of(step):
                try:
                    expressions.check_syntax(expression)
                except BadPage as problem:
                    self._problem((*place, *key), str(problem))
        except BadPage as problem:
            self._problem(place, str(problem))

    def _problem(self, place: Place, said: str) -> None:
        self.problems.append(f"{self._document.at(*place)}: {said}")
