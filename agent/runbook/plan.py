"""What a run would do, as the hosts are now: looks taken, changes listed, nothing altered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.errors import BadPage, DrillyardError
from agent.inventory import Host
from agent.runbook.act import action_of, as_plain, scope, truth
from agent.runbook.expressions import names_in, pieces
from agent.runbook.hosts import within
from agent.runbook.model import Page, Step
from agent.runbook.order import Order
from agent.runbook.reach import Reach
from agent.transport.preview import UNKNOWN, preview


@dataclass(frozen=True)
class Planned:
    """One step on one host, foreseen.

    `verdict` is would run, would skip, depends (on what `hinges` names) or would fail (with `refusal`).
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


def plan(order: Order, *, diff: bool = False) -> tuple[Planned, ...]:
    """Foresee every step of a page on every host of an order; the hosts are only looked at.

    With `diff` the files that would be written are read, to show how they would change.

    Raises:
        Unreachable: a host cannot be looked at.
    """
    planned: list[Planned] = []
    with Reach(order.hosts, forks=order.forks) as reach:
        for host in order.hosts:
            reach.to(host)
            names: dict[str, Any] = {
                **order.params,
                "params": dict(order.params),
                "host": {"name": host.name, "groups": list(host.groups), "environment": host.environment},
                "run": {"id": "(plan)", "reason": order.reason},
            }
            foresight = _Foresight(order, host, reach, names, diff)
            planned += foresight.steps((*order.page.steps, *order.page.prove))
    return tuple(planned)


@dataclass
class _Foresight:
    order: Order
    host: Host
    reach: Reach
    names: dict[str, Any]
    diff: bool = False
    altered: bool = False
    clocks: list[float] = field(default_factory=list)

    def steps(self, steps: Sequence[Step]) -> Iterator[Planned]:
        for step in steps:
            if not within([self.host], step.on, self.order.hosts):
                continue
            if step.block:
                yield from self.steps(step.block)
                yield from self.steps(step.always)
            else:
                yield self.one(self.order.page, step)

    def one(self, page: Page, step: Step) -> Planned:
        """Foresee one step; what it learned is seen by the expressions after it."""

        def told(verdict: str, **details: Any) -> Planned:
            return Planned(step.id, step.title(self.order.language), self.host.name, verdict, **details)

        hinges = self._hinges(step, self.names)
        if hinges:
            self._learn(step, UNKNOWN)
            return told("depends", hinges=hinges)
        try:
            when, names = step.when, scope(step, self.names)
            if not (when if isinstance(when, bool) else truth(step, when, names)):
                self._learn(step, None)
                return told("would skip")
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

    def _learn(self, step: Step, result: Any) -> None:
        if step.register:
            self.names[step.register] = result

    @staticmethod
    def _hinges(step: Step, names: Mapping[str, Any]) -> str:
        texts = [step.when] if isinstance(step.when, str) else []
        used = {name for text in texts for name in names_in(text)}
        used |= {name for value in step.arguments.values() for name in _used(value)}
        return ", ".join(sorted(name for name in used if names.get(name) is UNKNOWN))


def _used(value: Any) -> set[str]:
    if isinstance(value, str):
        return {name for piece in pieces(value) for name in names_in(piece)}
    if isinstance(value, Mapping):
        return {name for each in value.values() for name in _used(each)}
    if isinstance(value, list | tuple):
        return {name for each in value for name in _used(each)}
    return set()
