"""Run a page: its steps in order on every host, each in the journal, until done, failed or unknown."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from agent.errors import (
    BadPage,
    ContactLost,
    DrillyardError,
    JournalLost,
    Locked,
    Stopped,
    Unreachable,
    as_told,
)
from agent.inventory import Host
from agent.language import say
from agent.notify.ladder import Ladder
from agent.record import audit
from agent.record.journal import Journal
from agent.record.past import ENDED, RunPast
from agent.runbook.act import scope, truth
from agent.runbook.checklist import Muted, tick
from agent.runbook.ending import ended_by, ended_well
from agent.runbook.events import EndEvent, Event, Listener, RunEvent, StepEvent, Tick
from agent.runbook.fates import Fates
from agent.runbook.hold import Hold
from agent.runbook.hosts import meant_by, share_of
from agent.runbook.model import Page, Step
from agent.runbook.one_step import Consent, Ended, OneStep
from agent.runbook.order import Order, sources
from agent.runbook.reach import Reach
from agent.runbook.stop_sign import StopSign
from agent.runbook.tags import left_out
from agent.runbook.take_back import TakeBack
from agent.runbook.watch import Watch
from agent.secrets import mask, mask_failure
from agent.transport import Roads, open_road

_END = ("outcome", "sentence", "elapsed", "hosts", "ticks")


@dataclass
class Run:
    """A run under way.

    `consent` asks a person a question. `past` is what the journal knew when it was resumed. `ladder` is who
    is told at which minute (None = nobody). `roads` opens the way to each host. With `verbose` each ask is an
    event. `stop` ends it before its next ask; so does a file named `stop` in its folder. Hosts advance
    together, step by step; a host that failed takes no further part, and what it had done is undone in
    reverse order where its steps say how. What was done on top of what is undone a resume does again.
    """

    run: str
    folder: Path
    order: Order
    journal: Journal
    listener: Listener
    consent: Consent
    past: RunPast | None = None
    ladder: Ladder | None = None
    verbose: bool = False
    roads: Roads = open_road
    watch: Watch = field(init=False)
    stop: StopSign = field(init=False)
    hold: Hold = field(init=False)
    _fates: Fates = field(init=False)
    _back: TakeBack = field(init=False)
    _names: dict[str, dict[str, Any]] = field(default_factory=dict)
    _failures: list[DrillyardError] = field(default_factory=list)
    _ticks: tuple[Tick, ...] = ()
    _alone: bool = False
    _tell_lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Nothing has begun."""
        self.stop = StopSign(self.folder)
        self.hold = Hold(self.run, self.order, self.journal, self.past)
        self.watch = Watch(self.order, self.folder, self.journal, self.ladder, self.past)
        self._fates = Fates(host.name for host in self.order.hosts)
        self._back = TakeBack(self.order.page, self.order.hosts, self.journal, self.past, self._names)

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
        try:
            if self.past:
                where = sources(self.order, self.folder)
                self.journal.begin("resumed", run=self.run, who=audit.who(), **where)
            self._audit("resume" if self.past else "run")
            spill = self.folder / "output"
            with Reach(order.hosts, spill=spill, forks=order.forks, roads=self.roads) as reach:
                self._all(reach)
        except DrillyardError as error:
            self._failures.append(error)
        end = self._kept(self._end(time.monotonic() - begun))
        self.tell(end)
        self.watch.conclude(end)
        self.journal.close()
        return end

    def _kept(self, end: EndEvent) -> EndEvent:
        """Write down how the run ended, and return that, with the hash of its line in the audit."""
        told = {key: value for key, value in asdict(end).items() if key in _END}
        try:
            self.journal.write("end", **{**told, "elapsed": round(end.elapsed, 4)})
            return replace(end, audit=self._audit("end", outcome=end.outcome, ended=dict(end.hosts)))
        except JournalLost as error:
            self._failures.append(error)
            return self._end(end.elapsed)

    def tell(self, event: Event) -> None:
        """Pass an event on, one at a time; its sentence may quote what a host said."""
        if isinstance(event, StepEvent | EndEvent):
            failed = isinstance(event, StepEvent) and event.state == "failed"
            sentence = (mask_failure if failed else mask)(event.sentence)
            event = event if sentence == event.sentence else replace(event, sentence=sentence)
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

    def _ask_person(self, question: str, within: float | None) -> bool | None:
        with self._tell_lock:
            # Whoever did not answer for one host is not waited for at each of the others in turn.
            answer = None if self._alone else self.consent(question, within, self.stop.is_set)
            self._alone = answer is None
            return answer

    def _all(self, reach: Reach) -> None:
        live = [host for host in self.order.hosts if self._reached(host, reach)]
        if self.order.page.fatal and len(live) < len(self.order.hosts):
            self._fates.halt(host.name for host in live)
            return
        held: list[Host] = []
        try:

            def take(host: Host) -> None:
                # Letting go touches no lock that is another's, so of several none stays behind.
                held.append(host)
                try:
                    self.hold.take(host, reach.to(host))
                except DrillyardError as error:
                    self._fates.fell(host.name, error)
                    raise

            reach.each(take, live)
            for host in live:
                self._names[host.name] = {
                    **self.order.params,
                    "params": dict(self.order.params),
                    "host": {"name": host.name, "groups": list(host.groups), "environment": host.environment},
                    "hosts": self._names,
                    "vars": host.vars,
                    "run": {"id": self.run, "reason": self.order.reason},
                }
            undoing = self.past.undoing if self.past else {}
            for host in self._taken_up(reach) if undoing else self._forward(live, reach):
                self._failures += self._back.go(host, partial(self._one, self.order.page, reach=reach))
        except DrillyardError as error:
            self._failures.append(error)
        finally:
            # What is unknown may still be at work on its host: its lock stays, for the resume.
            if not self._cut_off():
                reach.each(lambda host: self.hold.let_go(host, reach.to(host)), held)

    def _forward(self, hosts: list[Host], reach: Reach) -> list[Host]:
        """Go through the page and return the hosts on which something is to be taken back."""
        page = self.order.page
        live = self._steps(page, page.steps, hosts, reach)
        live = self._steps(page, page.prove, live, reach)
        self._ticks = () if self._failures else self._checklist(page, live, reach)
        fallen = [host for host in hosts if host not in live]
        if not fallen or self._cut_off():
            return []
        return self._back.begin(fallen, self._failures[0], self._fates.at_the_end(early=self._early()))

    def _taken_up(self, reach: Reach) -> list[Host]:
        """Return the hosts that were being taken back when the run was cut off: nothing goes forward then."""
        pending = self._back.take_up()
        if self.past:
            why = self.past.why
            self._failures.insert(0, as_told(why["kind_of_error"], why["error"]))
            self._fates.take_up(why["fates"])
        return [host for host in pending if host.name not in reach.lost]

    def _cut_off(self) -> bool:
        """Whether it is not the page that ended the run: what is under way stays as it is, for the resume."""
        return any(isinstance(error, ContactLost | JournalLost | Stopped) for error in self._failures)

    def _early(self) -> bool:
        return any(isinstance(error, Stopped | Locked | BadPage) for error in self._failures)

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

    def _steps(self, page: Page, steps: Sequence[Step], hosts: list[Host], reach: Reach) -> list[Host]:
        live = hosts
        for step in steps:
            if not live:
                break
            before = len(self._failures)
            live = self._step(page, step, live, reach)
            fatal = page.fatal or step.any_errors_fatal
            if self._fates.halted or (fatal and len(self._failures) > before):
                self._fates.halt(host.name for host in live)
                live = []
        return live

    def _step(self, page: Page, step: Step, hosts: list[Host], reach: Reach) -> list[Host]:
        mine = meant_by(step, page, hosts, self.order.hosts)
        if step.block:
            live = self._block(page, step, mine, reach)
        else:
            live, before = [], len(self._failures)
            fatal = page.fatal or step.any_errors_fatal
            for batch in share_of(mine, step.serial):
                # Those whose turn has not come did nothing wrong: they are ended together with the others.
                spared = fatal and len(self._failures) > before
                live += batch if spared else self._batch(page, step, batch, reach)
        fallen = {host.name for host in mine} - {host.name for host in live}
        return [host for host in hosts if host.name not in fallen]

    def _block(self, page: Page, step: Step, hosts: list[Host], reach: Reach) -> list[Host]:
        before = len(self._failures)
        # Where it was rescued before an interruption it is not begun again, on top of what rescued it.
        done = [host for host in hosts if self._was_rescued(step, host)]
        states = {host.name: "done" if host in done else self._enters(step, host) for host in hosts}
        outside = [host for host in hosts if states[host.name] == "skipped"]
        hosts = [host for host in hosts if host not in outside]
        begun = [host for host in hosts if host not in done]
        entered = [host for host in begun if states[host.name] == "done"]
        if entered != begun and (page.fatal or step.any_errors_fatal):
            self._fates.halt(host.name for host in entered)
            entered = []
        live = [*done, *self._steps(page, step.block, entered, reach)]
        fallen = [host for host in begun if host not in live]
        # Whoever rescues and tidies up goes on until that is decided.
        halted, self._fates.halted = self._fates.halted, False
        unknown = any(isinstance(error, ContactLost) for error in self._failures[before:])
        if fallen and step.rescue and not unknown:
            rescued = self._steps(page, step.rescue, fallen, reach)
            if len(rescued) == len(fallen):
                del self._failures[before:]
            for host in rescued:
                self.journal.write("step", step=step.id, host=host.name, state="rescued")
            self._fates.rescued(host.name for host in rescued)
            halted = halted and len(rescued) < len(fallen)
            live = [host for host in hosts if host in live or host in rescued]
        if step.always and not unknown:
            tidied = self._steps(page, step.always, hosts, reach)
            live = [host for host in live if host in tidied]
        self._fates.halted = self._fates.halted or halted
        return live + outside

    def _was_rescued(self, step: Step, host: Host) -> bool:
        past = self.past.step(step.id, host.name) if self.past else None
        return past is not None and past.state == "rescued"

    def _enters(self, step: Step, host: Host) -> str:
        """Tell whether a block is for this host: done, skipped, or failed where its `when` cannot be told.

        What it was told before an interruption holds.
        """
        past = self.past.step(step.id, host.name) if self.past else None
        if past and (past.state in ENDED or past.final):
            state, error = past.state, as_told(past.kind, past.error)
        else:
            state, error = self._wanted(step, host)
        if state == "failed":
            self._failures.append(error)
            self._fates.fell(host.name, error)
        return state

    def _wanted(self, step: Step, host: Host) -> tuple[str, DrillyardError]:
        why: dict[str, Any] = {}
        problem: DrillyardError = BadPage("")
        try:
            when, names = not left_out(step, self.order.tags) and step.when, self._names[host.name]
            wanted = when if isinstance(when, bool) else truth(step, when, scope(step, names))
            state = "done" if wanted else "skipped"
        except DrillyardError as error:
            state, problem = "failed", error
            why = {"error": str(error), "kind_of_error": type(error).__name__, "final": True}
            title = step.title(self.order.language)
            self.tell(StepEvent(step.id, title, host.name, "failed", sentence=str(error)))
        self.journal.write("step", step=step.id, host=host.name, state=state, **why)
        return state, problem

    def _batch(self, page: Page, step: Step, hosts: list[Host], reach: Reach) -> list[Host]:
        def on_host(host: Host) -> Ended:
            try:
                return self._one(page, step, host, reach)
            except Stopped as error:
                # What became of the other hosts meanwhile counts all the same.
                return Ended("stopped", error=error)

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
                done = ended.state == "done"
                self._back.did(step, host, done=done)
                if done:
                    self._fates.worked(host.name)
        for ended in results:
            if ended.state == "stopped" and ended.error:
                raise ended.error
        return live

    def _one(self, page: Page, step: Step, host: Host, reach: Reach, *, looks: bool = False) -> Ended:
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
            Muted(self) if looks else self,
            self.stop,
            self._ask_person,
            self.hold.still,
            past,
            self.verbose,
            looks,
        ).go()

    def _checklist(self, page: Page, hosts: list[Host], reach: Reach) -> tuple[Tick, ...]:
        """Check what of the list can be checked; that an item does not hold is no failure of the run."""

        def check(step: Step, mine: Sequence[Host]) -> list[Ended]:
            return reach.each(lambda host: self._one(page, step, host, reach, looks=True), mine)

        ticks = tuple(tick(item, page, hosts, check) for item in page.after)
        return tuple(replace(each, sentence=mask(each.sentence)) for each in ticks)

    def _audit(self, event: str, **fields: Any) -> str:
        try:
            return audit.note(
                self.folder.parent,
                event,
                run=self.run,
                page=self.order.page.name,
                sha256=self.order.page.sha256,
                hosts=[host.name for host in self.order.hosts],
                reason=self.order.reason,
                **({"engine": self.order.engine} if self.order.engine else {}),
                **fields,
            )
        except OSError as problem:
            raise JournalLost(f"Expected to write the audit, found: {problem.strerror}.") from problem

    def _end(self, elapsed: float) -> EndEvent:
        hosts = self._fates.at_the_end(early=self._early())
        if self._failures:
            return ended_by(self._failures, self.run, self.folder, elapsed, hosts, self.hold)
        return ended_well(self.run, self.order, elapsed, hosts, self._ticks)
