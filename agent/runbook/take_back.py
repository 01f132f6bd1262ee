"""What hosts have done is taken back where the run failed: last things first, and to the end whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.errors import DrillyardError
from agent.inventory import Host
from agent.record.journal import Journal
from agent.record.past import ENDED, RunPast
from agent.runbook.model import Page, Step
from agent.runbook.one_step import Ended

One = Callable[[Step, Host], Ended]


@dataclass
class TakeBack:
    """The steps to be undone on each host, as the run goes; `one` carries a step out on a host.

    That it begins, and with which steps, is in the journal before the first of them: a run that was cut off
    in it is gone on with there, and runs nothing forward.
    """

    page: Page
    hosts: Sequence[Host]
    journal: Journal
    past: RunPast | None
    names: Mapping[str, dict[str, Any]]
    _undo: dict[str, list[Step]] = field(default_factory=dict)
    _did: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """What was done before an interruption counts."""
        if self.past:
            self._did = {key for key, each in self.past.steps.items() if each.state in ENDED}

    def did(self, step: Step, host: Host, *, done: bool) -> None:
        """Remember that a step came to its end on a host; `done` where it was not left out."""
        self._did.add((step.id, host.name))
        if step.undo and done:
            self._undo.setdefault(host.name, []).append(step)

    def begin(self, fallen: Sequence[Host], error: DrillyardError, fates: Mapping[str, str]) -> list[Host]:
        """Write down what is to be undone and why, and return the hosts where there is something."""
        lists = {
            host.name: [step.id for step in reversed(self._undo[host.name])]
            for host in fallen
            if self._undo.get(host.name)
        }
        if lists:
            why: dict[str, Any] = {"error": str(error), "kind_of_error": type(error).__name__}
            self.journal.write("undoing", hosts=lists, fates=dict(fates), **why)
        return [host for host in fallen if host.name in lists]

    def take_up(self) -> list[Host]:
        """Return the hosts on which an interruption left it unfinished, all they had learned known again."""
        pending = {name: ids for name, ids in self.past.undoing.items() if ids} if self.past else {}
        steps = {step.id: step for step in self.page.every_step()}
        for name, ids in pending.items():
            self._undo[name] = [steps[each] for each in reversed(ids)]
        for (step, name), past in self.past.steps.items() if self.past and pending else ():
            if step in steps and steps[step].register and name in self.names:
                self.names[name][steps[step].register] = past.result
        return [host for host in self.hosts if host.name in pending]

    def go(self, host: Host, one: One) -> list[DrillyardError]:
        """Take a host back and return what went wrong; where contact is lost the rest waits for a resume.

        Raises:
            Stopped: the operator ended the run in it.
        """
        errors = []
        for step in reversed(self._undo[host.name]):
            ended = self._undone(step, host, one)
            if ended and ended.error:
                errors.append(ended.error)
                if ended.state == "unknown":
                    return errors
        self.journal.write("taken back", host=host.name)
        return errors

    def _undone(self, step: Step, host: Host, one: One) -> Ended | None:
        """Undo a step; one that was not needed is no undoing, one that failed leaves it to be done again."""
        assert step.undo
        if self.past and host.name in self.past.undoing and self._state(step, host) == "undone":
            if self._state(step.undo, host) not in ("", "undone"):
                self._forget(step.undo, host)
            return None
        for each in self.page.every_step():
            if each.register:
                self.names[host.name].setdefault(each.register, None)
        ended = one(step.undo, host)
        if ended.state in ("done", "failed"):
            # The step is told undone after what rests on it: until then a resume finds the undoing begun.
            for other in self.hosts if self.page.fatal else (host,):
                for each in self.page.steps_after(step):
                    if (each.id, other.name) in self._did:
                        self._forget(each, other)
            self._forget(step, host)
        if ended.state != "unknown":
            # Whatever became of it: when the step is to be undone another time, that is asked anew.
            self._forget(step.undo, host)
        return ended

    def _state(self, step: Step, host: Host) -> str:
        past = self.past.step(step.id, host.name) if self.past else None
        return past.state if past else ""

    def _forget(self, step: Step, host: Host) -> None:
        """Note that what a step did does not hold any more: a resume does it again."""
        self._did.discard((step.id, host.name))
        self.journal.write("step", step=step.id, host=host.name, state="undone")
