"""One step on one host: asked, timed, tried again, written down, told."""

from __future__ import annotations

import math
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent.errors import (
    BadJournal,
    ContactLost,
    Defect,
    DrillyardError,
    JournalLost,
    Refused,
    StepFailed,
    Stopped,
    as_told,
)
from agent.inventory import Host
from agent.language import say
from agent.record.journal import Journal
from agent.record.past import StepPast
from agent.record.steps import StepRecord
from agent.runbook.act import action_of, as_plain, scope, truth
from agent.runbook.events import AskEvent, Listener, State, StepEvent
from agent.runbook.hurry import Hurried
from agent.runbook.model import Page, Retry, Step
from agent.runbook.order import Order
from agent.runbook.stop_sign import StopSign
from agent.transport.ask import Ask, Note
from agent.transport.perform import perform
from agent.transport.road import Road

Consent = Callable[[str, float | None, Callable[[], bool]], bool | None]
"""Asks a person a question, for so many seconds at most and until the third says that the run is to end.

None = nobody answered by then.
"""
Asked = Callable[[str, float | None], bool | None]


@dataclass
class Ended:
    """How a step ended on a host: its state, what it learned, and the error that ended it."""

    state: State | Literal["stopped"]
    result: Any = None
    error: DrillyardError | None = None


@dataclass
class OneStep:
    """A step about to be carried out on one host.

    `names` is what its expressions see; `consent` asks a person; `still` raises where the host is another's
    by now; `past` is what the journal knows of it from before an interruption. With `verbose` each ask is
    told; with `looks` one that changes is refused.
    """

    run: str
    order: Order
    page: Page
    step: Step
    host: Host
    road: Road
    names: Mapping[str, Any]
    journal: Journal
    listener: Listener
    stop: StopSign
    consent: Asked
    still: Callable[[Host, Road], None]
    past: StepPast | None = None
    verbose: bool = False
    looks: bool = False

    def go(self) -> Ended:
        """Carry the step out, or recall that it was; never raises our own errors, it returns them.

        Raises:
            Stopped: the operator ended the run before this step's next ask, or did not agree to the step.
        """
        if self.past and self.past.state in ("done", "skipped"):
            # What was left out then has nothing to be undone now.
            state: State = "skipped" if self.past.state == "skipped" else "done"
            self._tell(state, recalled=True)
            return Ended(state, self.past.result)
        if self.past and self.past.state == "failed" and self.past.final:
            # The run was cut off on its way to the rescue, the undo, or its end: there it goes on.
            self._tell("failed", changed=self.past.changed, sentence=self.past.error, recalled=True)
            return Ended("failed", error=as_told(self.past.kind, self.past.error))
        try:
            wanted = self._wanted()
        except DrillyardError as error:
            return self._failed(error, attempt=1, begun=time.monotonic())
        if wanted:
            self._agreed()
        else:
            self.journal.write("step", step=self.step.id, host=self.host.name, state="skipped")
            self._tell("skipped")
            return Ended("skipped")
        return self._attempts()

    def _agreed(self) -> None:
        """Ask a person where the step wants one; an interrupted step was agreed to already."""
        if not self.step.confirm or self.order.yes or (self.past and not self.past.state):
            return
        question = say(self.step.confirm, self.order.language)
        within = self.step.confirm_within
        agreed = None if self.stop.is_set() else self.consent(f"{self.host.name}: {question}", within)
        if agreed is None and self.stop.is_set():
            raise Stopped(f"Stopped before {self.step.id} on {self.host.name} was agreed to.")
        if agreed:
            self.journal.write("confirmed", step=self.step.id, host=self.host.name, question=question)
            return
        came = f"nobody answered in {within}" if agreed is None else "nobody did"
        raise Stopped(
            f"{self.host.name}: {self.step.id} wants a person to agree ({question}), and {came}.",
            do="Resume at a terminal, or with --yes.",
        )

    def _wanted(self) -> bool:
        if self.order.tags and not {*self.order.tags} & {*self.step.tags}:
            return False
        when = self.step.when
        return when if isinstance(when, bool) else truth(self.step, when, scope(self.step, self.names))

    def _attempts(self) -> Ended:
        retry = self.step.retry or Retry(times=1)
        past = self.past or StepPast(attempt=0, state="failed")
        first = past.attempt if not past.state else past.attempt + 1
        # Attempts before an interruption count, those of a run that had come to its end do not.
        final = max(first, past.before + retry.times)
        begun = time.monotonic()
        late = self._watch_budget(begun)
        try:
            for attempt in range(first, final + 1):
                last = attempt == final
                ended = self._attempt(attempt, begun, last=last)
                if ended.state != "failed" or last or not isinstance(ended.error, StepFailed):
                    return ended
                # The pause between two tries, ended early where the operator stops the run.
                self.stop.wait(retry.every)
        finally:
            if late:
                late.cancel()
        raise AssertionError("a step is tried at least once")

    def _attempt(self, attempt: int, begun: float, *, last: bool) -> Ended:
        answers = self.past.answers if self.past and self.past.attempt == attempt else {}
        self.journal.write(
            "step",
            soon=True,
            step=self.step.id,
            host=self.host.name,
            attempt=attempt,
            state="started",
            do=self.step.do,
        )
        self._tell("started")
        record = StepRecord(
            self.journal, self.run, self.step.id, self.host.name, attempt, answers, self._before
        )
        try:
            action = action_of(self.step, self.host, self.page, scope(self.step, self.names))
            limit = self.step.timeout if self.step.do else None
            road = Hurried(self.road, float(limit or math.inf), self.stop)
            result = as_plain(perform(action, road, record))
            self._until(result)
        except (Stopped, JournalLost):
            raise
        except ContactLost as error:
            return self._unknown(error, attempt, begun)
        except DrillyardError as error:
            final = last or not isinstance(error, StepFailed)
            return self._failed(error, attempt=attempt, begun=begun, changed=record.changed, final=final)
        except Exception as error:  # noqa: BLE001 - a defect must not cost the journal its last line
            self.journal.write("defect", step=self.step.id, traceback=traceback.format_exc())
            defect = Defect(
                f"{self.host.name}: {self.step.id} met a defect of this program "
                f"({type(error).__name__}: {error}).",
                do=f"Report it with {self.journal.path}.",
            )
            return self._failed(defect, attempt=attempt, begun=begun, changed=record.changed)
        elapsed = time.monotonic() - begun
        self.journal.write(
            "step",
            step=self.step.id,
            host=self.host.name,
            attempt=attempt,
            state="done",
            changed=record.changed,
            elapsed=round(elapsed, 4),
            result=result,
        )
        self._tell("done", elapsed=elapsed, changed=record.changed, result=result)
        return Ended("done", result)

    def _until(self, result: Any) -> None:
        until = self.step.retry.until if self.step.retry else ""
        if until and not truth(self.step, until, {**scope(self.step, self.names), "result": result}):
            raise StepFailed(f"{self.host.name}: {self.step.id} ran, and `{until}` is not true.")

    def _before(self, ask: Ask) -> None:
        if self.looks and ask.changes:
            raise Refused(f"{self.host.name}: a check only looks, and this one would do more: {ask.changes}.")
        if isinstance(ask, Note):
            self._tell("note", sentence=str(ask))
        elif self.verbose:
            self.listener.tell(AskEvent(self.step.id, self.host.name, str(ask), ask.changes))
        if self.stop.is_set():
            raise Stopped(f"Stopped before `{ask}` on {self.host.name}; nothing is in flight.")
        if ask.changes:
            self.still(self.host, self.road)

    def _unknown(self, error: ContactLost, attempt: int, begun: float) -> Ended:
        self.journal.write(
            "step", step=self.step.id, host=self.host.name, attempt=attempt, state="unknown", error=str(error)
        )
        self._tell("unknown", elapsed=time.monotonic() - begun, sentence=str(error))
        return Ended("unknown", error=error)

    def _failed(
        self, error: DrillyardError, *, attempt: int, begun: float, changed: bool = False, final: bool = True
    ) -> Ended:
        elapsed = time.monotonic() - begun
        if not isinstance(error, BadJournal):
            self.journal.write(
                "step",
                step=self.step.id,
                host=self.host.name,
                attempt=attempt,
                state="failed",
                changed=changed,
                elapsed=round(elapsed, 4),
                error=str(error),
                kind_of_error=type(error).__name__,
                final=final,
            )
        self._tell("failed", elapsed=elapsed, changed=changed, sentence=str(error))
        return Ended("failed", error=error)

    def _watch_budget(self, begun: float) -> threading.Timer | None:
        budget = self.step.budget
        if not budget:
            return None

        def say_so() -> None:
            self._tell("over budget", elapsed=time.monotonic() - begun)

        timer = threading.Timer(float(budget), say_so)
        timer.daemon = True
        timer.start()
        return timer

    def _tell(self, state: State, **details: Any) -> None:
        self.listener.tell(
            StepEvent(
                step=self.step.id,
                name=say(self.step.name, self.order.language) or self.step.title(self.order.language),
                host=self.host.name,
                state=state,
                budget=float(self.step.budget or 0),
                **details,
            )
        )
