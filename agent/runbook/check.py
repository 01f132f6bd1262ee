"""Whether a page fits an inventory, proved without touching a host: its hosts, actions, arguments, names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from agent import naming
from agent.errors import BadPage, NotFound, Usage
from agent.inventory import Host, Inventory, Where, match
from agent.inventory.references import names_secret
from agent.runbook import expressions
from agent.runbook.faults import in_words
from agent.runbook.hosts import meant_by
from agent.runbook.model import BUILT_IN, Page, Seconds, Step
from agent.runbook.settle import expressions_of


@dataclass(frozen=True)
class Problem:
    """Something wrong with a page and where; a warning does not keep it from being run."""

    at: Where
    sentence: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        kind = "warning: " if self.severity == "warning" else ""
        return f"{self.at}: {kind}{self.sentence}"


def check_page(page: Page, inventory: Inventory) -> list[Problem]:
    """Return everything about a page that does not fit an inventory, in the order of the page."""
    check = _Check(page, inventory)
    check.page_as_a_whole()
    check.steps(page.steps + page.prove)
    check.checks()
    check.budgets()
    return check.problems


def refuse_bad(page: Page, inventory: Inventory) -> list[Problem]:
    """Return the warnings of a page that fits an inventory.

    Raises:
        BadPage: it does not fit; the sentence has a line for each problem.
    """
    problems = check_page(page, inventory)
    errors = [str(problem) for problem in problems if problem.severity == "error"]
    if errors:
        raise BadPage("\n".join(errors))
    return problems


def hosts_of(page: Page, inventory: Inventory, limit: str = "") -> tuple[Host, ...]:
    """Return the hosts a page runs on: those its `on` means that serve its system, narrowed by `limit`.

    Raises:
        NotFound: a pattern names nothing there is, or no host is left.
    """
    meant = match(inventory, page.on)
    systems = page.systems
    serving = [host for host in meant if not systems or {*systems} & {*host.services}]
    if not serving:
        others = ", ".join(host.name for host in inventory if {*systems} & {*host.services}) or "no host"
        raise NotFound(
            f"{page.at}: none of the hosts {page.on!r} means serves {' or '.join(systems)}; {others} does."
            if meant
            else f"{page.at}: {page.on!r} means no host."
        )
    limited = {host.name for host in match(inventory, limit)} if limit else {host.name for host in serving}
    found = tuple(host for host in serving if host.name in limited)
    if not found:
        names = ", ".join(host.name for host in serving)
        raise NotFound(f"{limit!r} leaves none of the hosts of {page.name}: {names}.")
    return found


@dataclass
class _Check:
    page: Page
    inventory: Inventory
    problems: list[Problem] = field(default_factory=list)
    _hosts: tuple[Host, ...] = ()
    _names: set[str] = field(default_factory=set)
    _ids: set[str] = field(default_factory=set)

    def page_as_a_whole(self) -> None:
        page = self.page
        self._names = {*page.params, *BUILT_IN} - {"result"}
        for name, param in page.params.items():
            if param.type == "text" and names_secret(name):
                said = (
                    f"the parameter {name} is text, and a journal keeps it; `type: secret` keeps a reference."
                )
                self._problem(page.at, said, "warning")
        if page.system and page.system not in naming.systems():
            known = ", ".join(naming.systems()) or "none"
            hint = naming.did_you_mean(page.system, naming.systems())
            self._problem(page.at, f"There is no system {page.system}.{hint} There is: {known}.")
            return
        try:
            self._hosts = hosts_of(page, self.inventory)
        except (NotFound, Usage) as problem:
            self._problem(page.at, str(problem).removeprefix(f"{page.at}: "))

    def checks(self) -> None:
        """Check what ticks items of the list; where no host is meant, a person sees to the item."""
        for step in self.page.checks:
            self._step(step, needed=False)

    def steps(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self._step(step)
            self._include(step)
            self.steps(step.block + step.rescue + step.always)
            if step.register:
                self._names.add(step.register)
            if step.undo:
                self._undo(step.undo)

    def _undo(self, step: Step) -> None:
        """Check what takes a step back: it comes after all others, and what did not come about is none."""
        known, every = self._names, self.page.every_step()
        self._names = known.union(each.register for each in every if each.register)
        self._step(step)
        self._names = known

    def _step(self, step: Step, *, needed: bool = True) -> None:
        if step.id in self._ids:
            self._problem(step.at, f"the id {step.id} is that of another step too.")
        self._ids.add(step.id)
        hosts = self._hosts_of(step, needed=needed)
        self._expressions(step)
        if step.do:
            self._action(step, hosts)

    def budgets(self) -> None:
        budget = self.page.objectives.budget
        total = _time_of(self.page.steps)
        if budget and total > budget:
            said = f"the steps may take {Seconds(total)} together, and the page's budget is {budget}."
            self._problem(self.page.at, said, "warning")

    def _hosts_of(self, step: Step, *, needed: bool) -> Sequence[Host]:
        if not self._hosts:
            return self._hosts
        try:
            found = meant_by(step, self.page, self._hosts, self._hosts)
        except (NotFound, Usage) as problem:
            self._problem(step.at, f"`on`: {problem}")
            return ()
        if not found and step.on:
            self._problem(step.at, f"`on`: {step.on!r} means none of the page's hosts.", "warning")
        elif not found and needed:
            self._problem(step.at, f"none of the page's hosts serves {step.concerns(self.page.system)}.")
        return found

    def _action(self, step: Step, hosts: Sequence[Host]) -> None:
        try:
            verb = naming.verb(step.do)
        except NotFound as problem:
            self._problem(step.at, str(problem))
            return
        system = step.concerns(self.page.system)
        if not system:
            self._problem(
                step.at, f"{step.do} acts on a service, and the step and the page have no `system`."
            )
        elif step.system and step.system not in naming.systems():
            hint = naming.did_you_mean(step.system, naming.systems())
            self._problem(step.at, f"There is no system {step.system}.{hint}")
            return
        for host in hosts:
            if system and system not in host.services:
                self._problem(step.at, f"{host.name} does not serve {system}, which {step.do} acts on.")
        for said in _misfits(verb, step.arguments):
            self._problem(step.at, said)

    def _expressions(self, step: Step) -> None:
        names = self._names.union(*step.given)
        try:
            for key, expression in expressions_of(step):
                own = {"result"} if key == ("retry", "until") else set()
                self._known(step, "`" + ".".join(map(str, key)) + "`", expression, names | own)
        except BadPage as problem:
            self._problem(step.at, str(problem))

    def _include(self, step: Step) -> None:
        """Check what an including step gives to the page whose steps are now its block."""
        inside = step.block[0].given if step.block else ()
        if len(inside) <= len(step.given):
            return
        names = self._names.union(*step.given)
        for name, value in inside[len(step.given)].items():
            for expression in expressions.pieces(value) if isinstance(value, str) else ():
                self._known(step, f"`with` {name}", expression, names)

    def _known(self, step: Step, where: str, expression: str, names: set[str]) -> None:
        try:
            used = expressions.names_in(expression)
        except BadPage as problem:
            self._problem(step.at, str(problem))
            return
        for name in sorted(used - names):
            hint = naming.did_you_mean(name, names)
            known = "" if hint else f" There is: {', '.join(sorted(names))}."
            said = f"{where} uses `{name}`, which is no parameter and which no earlier step registers."
            self._problem(step.at, said + hint + known)

    def _problem(self, at: Where, said: str, severity: Literal["error", "warning"] = "error") -> None:
        self.problems.append(Problem(at, said, severity))


def _misfits(verb: naming.Verb, arguments: dict[str, Any]) -> Iterator[str]:
    kinds = {param.name: param.kind for param in verb.params}
    for key, value in arguments.items():
        if key not in kinds:
            if not verb.open:
                known = ", ".join(kinds) or "nothing"
                hint = naming.did_you_mean(key, kinds)
                yield f"{verb.name} takes no {key!r}; it takes {known}.{hint}"
            continue
        if _has_expression(value):
            continue
        try:
            msgspec.convert(value, kinds[key])
        except msgspec.ValidationError as error:
            yield f"{key!r} of {verb.name} does not fit: {in_words(str(error))}."
        except TypeError:
            # A type that is made of nothing a page can write: an expression has to give it.
            yield f"{key!r} of {verb.name} is not something a page can write out."
    for param in verb.params:
        if param.required and param.name not in arguments:
            yield f"{verb.name} needs {param.name!r} below `with`."


def _has_expression(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, dict):
        return any(map(_has_expression, value.values()))
    return isinstance(value, list) and any(map(_has_expression, value))


def _time_of(steps: Sequence[Step]) -> float:
    """Return the longest that steps may take by their budgets: a step without one counts as nothing."""
    return sum(
        float(step.budget) if step.budget else _time_of(step.block) + _time_of(step.always) for step in steps
    )
