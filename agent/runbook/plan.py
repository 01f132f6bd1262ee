"""What a run would do, as the hosts are now: looks taken, changes listed, nothing altered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from agent.errors import BadPage, DrillyardError
from agent.inventory import Host
from agent.language import say
from agent.runbook.act import action_of, as_plain, scope, truth
from agent.runbook.expressions import names_in, of_other_hosts, pieces
from agent.runbook.hosts import meant_by
from agent.runbook.model import Page, Step, within
from agent.runbook.order import Order
from agent.runbook.reach import Reach
from agent.runbook.settle import expressions_of
from agent.runbook.tags import left_out
from agent.transport import Roads, open_road
from agent.transport.preview import UNKNOWN, preview


@dataclass(frozen=True)
class Part:
    """What is done beside the steps that are gone through.

    Of the block `step`: `rescue` where one of its steps fails, `always` in any case. Of any other step:
    `undo` where a later one fails.
    """

    kind: Literal["rescue", "always", "undo"]
    step: str
    name: str


@dataclass(frozen=True)
class Planned:
    """One step on one host, foreseen.

    `parts` are those of the steps around it, the outermost first, that it stands in. `verdict` is would
    run, would skip, depends (on what `hinges` names) or would fail (with `refusal`). `asks` is the question
    that a person has to agree to first. A host that is not reached has one, unreachable, of no step:
    `refusal` says why, `code` is the exit code.
    """

    step: str
    name: str
    host: str
    verdict: str
    looks: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    hinges: str = ""
    refusal: str = ""
    diffs: tuple[str, ...] = ()
    code: int = 0
    parts: tuple[Part, ...] = ()
    asks: str = ""


def plan(order: Order, *, diff: bool = False, roads: Roads = open_road) -> tuple[Planned, ...]:
    """Foresee every step of a page on every host of an order; the hosts are only looked at.

    With `diff` the files that would be written are read, to show how they would change. A host that cannot be
    reached keeps no other from being planned; what hinges on it is said to.
    """
    planned: list[tuple[int, Planned]] = []
    hosts: dict[str, dict[str, Any]] = {}
    with Reach(order.hosts, forks=order.forks, roads=roads) as reach:
        foresights = []
        for n, host in enumerate(order.hosts):
            hosts[host.name] = names = {
                **order.params,
                "params": dict(order.params),
                "host": {"name": host.name, "groups": list(host.groups), "environment": host.environment},
                "hosts": hosts,
                "vars": host.vars,
                "run": {"id": "(plan)", "reason": order.reason},
            }
            if lost := reach.lost.get(host.name):
                names.update({step.register: UNKNOWN for step in order.page.every_step() if step.register})
                no_step = Planned("", "", host.name, "unreachable", refusal=str(lost), code=lost.exit_code)
                planned.append((n, no_step))
            else:
                foresights.append((n, _Foresight(order, host, reach, names, diff)))
        # Step by step over all hosts, as in a run, since a step may use what another host has told.
        for step in (*order.page.steps, *order.page.prove):
            for n, foresight in foresights:
                planned += [(n, each) for each in foresight.steps((step,))]
    return tuple(each for _, each in sorted(planned, key=lambda pair: pair[0]))


@dataclass(frozen=True)
class _Gate:
    """What a `when`, or the tags that were chosen, make of a step."""

    verdict: str
    hinges: str = ""
    refusal: str = ""


@dataclass
class _Foresight:
    order: Order
    host: Host
    reach: Reach
    names: dict[str, Any]
    diff: bool = False
    altered: bool = False
    clocks: list[float] = field(default_factory=list)

    def steps(
        self, steps: Sequence[Step], above: _Gate | None = None, parts: tuple[Part, ...] = ()
    ) -> Iterator[Planned]:
        """Foresee steps; `above` keeps all of them from being done for certain, `parts` they stand in."""
        for step in steps:
            if not meant_by(step, self.order.page, [self.host], self.order.hosts):
                continue
            if step.block:
                yield from self._block(step, above, parts)
            else:
                planned = self.one(self.order.page, step, above)
                planned = replace(planned, parts=parts, asks=self._asks(step, planned))
                yield planned
                if step.undo and planned.verdict in ("would run", "depends"):
                    yield from self._undo(step, step.undo, planned)

    def _asks(self, step: Step, planned: Planned) -> str:
        if self.order.yes or planned.verdict not in ("would run", "depends"):
            return ""
        return say(step.confirm, self.order.language)

    def _undo(self, step: Step, undo: Step, planned: Planned) -> Iterator[Planned]:
        """Foresee how a step is taken back if a later one fails."""
        gate = _Gate("depends", planned.hinges) if planned.verdict == "depends" else None
        with self._aside():
            yield from self.steps((undo,), gate, (*planned.parts, Part("undo", step.id, planned.name)))

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Have it foreseen in an altered world what is done only if something fails; nothing of it stays."""
        before, altered = dict(self.names), self.altered
        self.altered = True
        yield
        self.names.clear()
        self.names.update(before)
        self.altered = altered

    def _block(self, step: Step, above: _Gate | None, parts: tuple[Part, ...]) -> Iterator[Planned]:
        gate = above or self._gate(step)
        block = list(self.steps(step.block, gate, parts))
        yield from block
        name = step.title(self.order.language)
        if step.rescue:
            fails = any(each.verdict == "would fail" for each in block)
            yield from self._rescue(step, gate, (*parts, Part("rescue", step.id, name)), fails=fails)
        yield from self.steps(step.always, gate, (*parts, Part("always", step.id, name)))

    def _rescue(
        self, step: Step, gate: _Gate | None, parts: tuple[Part, ...], *, fails: bool
    ) -> Iterator[Planned]:
        """Foresee what is done if a step of a block fails: what the block told, and left, is open then.

        What comes after goes on from a block that `fails` by now only where it was rescued; else it was not.
        """
        told = {each.register for each in within(step.block) if each.register}
        with self._aside():
            self.names.update(dict.fromkeys(told, UNKNOWN))
            yield from self.steps(step.rescue, gate, parts)
        if fails:
            self.altered = True
            told |= {each.register for each in within(step.rescue) if each.register}
            self.names.update(dict.fromkeys(told, UNKNOWN))

    def one(self, page: Page, step: Step, above: _Gate | None = None) -> Planned:
        """Foresee one step; what it learned is seen by the expressions after it."""

        def told(verdict: str, **details: Any) -> Planned:
            return Planned(step.id, step.title(self.order.language), self.host.name, verdict, **details)

        if gate := above or self._gate(step):
            self._learn(step, None if gate.verdict == "would skip" else UNKNOWN)
            return told(gate.verdict, hinges=gate.hinges, refusal=gate.refusal)
        try:
            names = scope(step, self.names)
            action = action_of(step, self.host, page, names)
        except BadPage:
            raise
        except DrillyardError as error:
            self._learn(step, UNKNOWN)
            return told("would fail", refusal=str(error))
        road = self.reach.to(self.host)
        seen = preview(action, road, altered=self.altered, diff=self.diff, clocks=self.clocks)
        self.altered = self.altered or bool(seen.changes)
        self._learn(step, UNKNOWN if seen.result is UNKNOWN else as_plain(seen.result))
        return told(
            "would fail" if seen.refusal else "would run",
            looks=seen.looks,
            changes=seen.changes,
            hinges=seen.hinges,
            refusal=seen.refusal,
            diffs=seen.diffs,
        )

    def _gate(self, step: Step) -> _Gate | None:
        """Return what keeps a step, or all that stand in a block, from being done for certain."""
        if left_out(step, self.order.tags):
            return _Gate("would skip")
        if hinges := self._hinges(step, self.names):
            return _Gate("depends", hinges)
        try:
            when, names = step.when, scope(step, self.names)
            wanted = when if isinstance(when, bool) else truth(step, when, names)
        except BadPage:
            raise
        except DrillyardError as error:
            return _Gate("would fail", refusal=str(error))
        return None if wanted else _Gate("would skip")

    def _learn(self, step: Step, result: Any) -> None:
        if step.register:
            self.names[step.register] = result

    @staticmethod
    def _hinges(step: Step, names: Mapping[str, Any]) -> str:
        texts = [text for key, text in expressions_of(step) if key != ("retry", "until")]
        # What its page was given is filled in before anything of the step is.
        values = [value for given in step.given for value in given.values() if isinstance(value, str)]
        texts += [piece for value in values for piece in pieces(value)]
        used = {name for text in texts for name in names_in(text)}
        open_names = {name for name in used if names.get(name) is UNKNOWN}
        for host, name in {found for text in texts for found in of_other_hosts(text)}:
            if names["hosts"].get(host, {}).get(name) is UNKNOWN:
                open_names.add(f"{name} of {host}")
        return ", ".join(sorted(open_names))
