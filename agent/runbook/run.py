"""Run a page: its steps in order on every host, each in the journal, until done, failed or unknown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.errors import BadPage, ContactLost, DrillyardError, Locked, Stopped, Unreachable
from agent.inventory import Host
from agent.language import say
from agent.notify.ladder import Ladder
from agent.record import audit, lock
from agent.record.journal import Journal, utc_now
from agent.record.past import RunPast
from agent.runbook.act import scope, truth
from agent.runbook.events import EndEvent, Event, Listener, RunEvent, StepEvent
from agent.runbook.fates import Fates
from agent.runbook.hosts import share_of, within
from agent.runbook.model import Page, Step
from agent.runbook.one_step import Ended, OneStep
from agent.runbook.order import Order
from agent.runbook.reach import Reach
from agent.runbook.stop_sign import StopSign
from agent.runbook.watch import Watch
from agent.secrets import mask
from agent.transport.perform import perform
from agent.transport.road import Road

BUILT_IN = ("host", "run", "params")


@dataclass
class Run:
    """A run under way.

    `consent` asks a person a question. `past` is what the journal knew when it was resumed. `ladder` is who
    is told at which minute (None = nobody). With `verbose` each ask is an event. `stop` ends it
    before its next ask; so does a file named `stop` in its folder. Hosts advance together, step by step; a
    host that failed takes no further part, and what it had done is undone in reverse order where its steps
    say how.
    """

    run: str
    folder: Path
    order: Order
    journal: Journal
    listener: Listener
    consent: Callable[[str], bool]
    past: RunPast | None = None
    ladder: Ladder | None = None
    verbose: bool = False
    watch: Watch = field(init=False)
    stop: StopSign = field(init=False)
    _fates: Fates = field(init=False)
    _names: dict[str, dict[str, Any]] = field(default_factory=dict)
    _undo: dict[str, list[Step]] = field(default_factory=dict)
    _failures: list[DrillyardError] = field(default_factory=list)
    _tell_lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Nothing has begun."""
        self.stop = StopSign(self.folder)
        self.watch = Watch(self.order, self.folder, self.journal, self.ladder, self.past)
        self._fates = Fates(host.name for host in self.order.hosts)

    def go(self) -> EndEvent:
        """Run the page to its end and return how it ended; errors of ours become the outcome."""
        begun = time.monotonic()
        page, order = self.order.page, self.order
        names = tuple(host.name for host in order.hosts)
        self.tell(
            RunEvent(
                self.run,
                str(self.folder),
                page.name,
                say(page.title, order.language),
                names,
                bool(self.past),
                self.watch.rto,
                self.watch.clock.elapsed(),
            )
        )
        self.watch.begin(self.tell, self._offer)
        self._audit("resume" if self.past else "run")
        try:
            with Reach(order.hosts, spill=self.folder / "output", forks=order.forks) as reach:
                self._all(reach)
        except DrillyardError as error:
            self._failures.append(error)
        end = self._end(time.monotonic() - begun)
        self.journal.write(
            "end",
            outcome=end.outcome,
            sentence=end.sentence,
            elapsed=round(end.elapsed, 4),
            hosts=dict(end.hosts),
        )
        end = replace(end, audit=self._audit("end", outcome=end.outcome, ended=dict(end.hosts)))
        self.tell(end)
        self.watch.conclude(end)
        self.journal.close()
        return end

    def tell(self, event: Event) -> None:
        """Pass an event on, one at a time; its sentence may quote what a host said."""
        if isinstance(event, StepEvent | EndEvent):
            event = replace(event, sentence=mask(event.sentence))
        if isinstance(event, StepEvent):
            self.watch.noticed(event)
        with self._tell_lock:
            self.listener.tell(event)

    def _offer(self, event: Event) -> None:
        """Pass an event on, or drop it where a person is being asked: nobody waits for a countdown."""
        if self._tell_lock.acquire(timeout=0.5):
            try:
                self.listener.tell(event)
            finally:
                self._tell_lock.release()

    def _ask_person(self, question: str) -> bool:
        with self._tell_lock:
            return self.consent(question)

    def _all(self, reach: Reach) -> None:
        live = [host for host in self.order.hosts if self._reached(host, reach)]
        if self.order.page.any_errors_fatal and len(live) < len(self.order.hosts):
            self._fates.halt(host.name for host in live)
            return
        owner = lock.Owner(self.run, audit.who(), self.order.reason or self.order.page.name, utc_now())
        held: list[Host] = []
        try:

            def take(host: Host) -> None:
                try:
                    perform(self._lock(host, owner), reach.to(host))
                except DrillyardError as error:
                    self._fates.fell(host.name, error)
                    raise
                held.append(host)

            reach.each(take, live)
            for host in live:
                self._names[host.name] = {
                    **self.order.params,
                    "params": dict(self.order.params),
                    "host": {"name": host.name, "groups": list(host.groups), "environment": host.environment},
                    "run": {"id": self.run, "reason": self.order.reason},
                }
            page = self.order.page
            begun = live
            live = self._steps(page, page.steps, live, reach)
            live = self._steps(page, page.prove, live, reach)
            if not any(isinstance(error, ContactLost | Stopped) for error in self._failures):
                for host in begun:
                    if host not in live:
                        self._take_back(page, host, reach)
        except DrillyardError as error:
            self._failures.append(error)
        finally:
            # What is unknown may still be at work on its host: its lock stays, for the resume.
            if not any(isinstance(error, ContactLost | Stopped) for error in self._failures):
                reach.each(lambda host: self._let_go(host, owner, reach.to(host)), held)

    def _take_back(self, page: Page, host: Host, reach: Reach) -> None:
        for step in reversed(self._undo.get(host.name, [])):
            if step.undo and self._one(page, step.undo, host, reach).state == "done":
                for each in (step, step.undo):
                    self.journal.write("step", step=each.id, host=host.name, state="undone")

    def _reached(self, host: Host, reach: Reach) -> bool:
        try:
            reach.to(host)
        except Unreachable as error:
            self._failures.append(error)
            self._fates.fell(host.name, error)
            self.journal.write("unreachable", host=host.name, error=str(error))
            self.tell(StepEvent("", "", host.name, "unreachable", sentence=str(error)))
            return False
        return True

    def _locked_name(self) -> str:
        return self.order.page.system or self.order.page.name

    def _lock(self, host: Host, owner: lock.Owner) -> Any:
        return lock.take(host.state_dir, self._locked_name(), owner, sudo=host.become)

    def _let_go(self, host: Host, owner: lock.Owner, road: Road) -> None:
        perform(lock.release(host.state_dir, self._locked_name(), owner, sudo=host.become), road)
        road.forget(self.run)

    def _steps(self, page: Page, steps: Sequence[Step], hosts: list[Host], reach: Reach) -> list[Host]:
        live = hosts
        for step in steps:
            if not live:
                break
            before = len(self._failures)
            live = self._step(page, step, live, reach)
            fatal = page.any_errors_fatal or step.any_errors_fatal
            if self._fates.halted or (fatal and len(self._failures) > before):
                self._fates.halt(host.name for host in live)
                live = []
        return live

    def _step(self, page: Page, step: Step, hosts: list[Host], reach: Reach) -> list[Host]:
        mine = within(hosts, step.on, self.order.hosts)
        if step.block:
            live = self._block(page, step, mine, reach)
        else:
            live, before = [], len(self._failures)
            fatal = page.any_errors_fatal or step.any_errors_fatal
            for batch in share_of(mine, step.serial):
                # Those whose turn has not come did nothing wrong: they are ended together with the others.
                spared = fatal and len(self._failures) > before
                live += batch if spared else self._batch(page, step, batch, reach)
        return [host for host in hosts if host not in mine or host in live]

    def _block(self, page: Page, step: Step, hosts: list[Host], reach: Reach) -> list[Host]:
        before = len(self._failures)
        outside = [host for host in hosts if not self._enters(step, host)]
        hosts = [host for host in hosts if host not in outside]
        live = self._steps(page, step.block, hosts, reach)
        fallen = [host for host in hosts if host not in live]
        # Whoever rescues and tidies up goes on until that is decided.
        halted, self._fates.halted = self._fates.halted, False
        unknown = any(isinstance(error, ContactLost) for error in self._failures[before:])
        if fallen and step.rescue and not unknown:
            rescued = self._steps(page, step.rescue, fallen, reach)
            if len(rescued) == len(fallen):
                del self._failures[before:]
            self._fates.rescued(host.name for host in rescued)
            halted = halted and len(rescued) < len(fallen)
            live = [host for host in hosts if host in live or host in rescued]
        if step.always and not unknown:
            self._steps(page, step.always, hosts, reach)
        self._fates.halted = self._fates.halted or halted
        return live + outside

    def _enters(self, step: Step, host: Host) -> bool:
        """Tell whether a block is for this host; what it was told before an interruption holds."""
        past = self.past.step(step.id, host.name) if self.past else None
        if past:
            return past.state != "skipped"
        when, names = step.when, self._names[host.name]
        wanted = when if isinstance(when, bool) else truth(step, when, scope(step, names))
        state = "done" if wanted else "skipped"
        self.journal.write("step", step=step.id, host=host.name, state=state)
        return wanted

    def _batch(self, page: Page, step: Step, hosts: list[Host], reach: Reach) -> list[Host]:
        def on_host(host: Host) -> Ended:
            return self._one(page, step, host, reach)

        results = reach.each(on_host, hosts)
        live = []
        for host, ended in zip(hosts, results, strict=True):
            if step.register:
                self._names[host.name][step.register] = ended.result
            if ended.error:
                self._failures.append(ended.error)
                self._fates.fell(host.name, ended.error)
            else:
                live.append(host)
                if ended.state == "done":
                    self._fates.worked(host.name)
                if step.undo and ended.state == "done":
                    self._undo.setdefault(host.name, []).append(step)
        return live

    def _one(self, page: Page, step: Step, host: Host, reach: Reach) -> Ended:
        past = self.past.step(step.id, host.name) if self.past else None
        return OneStep(
            self.run,
            self.order,
            page,
            step,
            host,
            reach.to(host),
            self._names[host.name],
            self.journal,
            self,
            self.stop,
            self._ask_person,
            past,
            self.verbose,
        ).go()

    def _audit(self, event: str, **fields: Any) -> str:
        return audit.note(
            self.folder.parent,
            event,
            run=self.run,
            page=self.order.page.name,
            sha256=self.order.page.sha256,
            hosts=[host.name for host in self.order.hosts],
            reason=self.order.reason,
            **fields,
        )

    def _end(self, elapsed: float) -> EndEvent:
        resume = f"drillyard resume {self.folder}"
        early = any(isinstance(error, Stopped | Locked | BadPage) for error in self._failures)
        hosts = self._fates.at_the_end(early=early)
        if not self._failures:
            after = tuple(say(item, self.order.language) for item in self.order.page.after)
            return EndEvent(self.run, "done", elapsed, after=after, hosts=hosts)
        for kind, outcome in ((ContactLost, "unknown"), (Stopped, "stopped"), (DrillyardError, "failed")):
            for error in self._failures:
                if isinstance(error, kind):
                    return EndEvent(
                        self.run,
                        outcome,
                        elapsed,
                        str(error),
                        exit_code=error.exit_code,
                        resume=resume,
                        hosts=hosts,
                    )
        raise AssertionError("every failure is one of ours")
