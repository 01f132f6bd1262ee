"""The course of a night, from the steady state before to the steady state after, and its verdict."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import DrillyardError
from drills.rig import afterwards
from drills.rig.account import account
from drills.rig.backups import Bench, full_of
from drills.rig.conclude import Clock, conclude
from drills.rig.course import Course
from drills.rig.evidence import Evidence
from drills.rig.eye import look_at
from drills.rig.fault import Scene
from drills.rig.ledger import Ledger
from drills.rig.notes import Notes, find
from drills.rig.probe import Probe, longest_outage
from drills.rig.recovery import Agent, Recovery, Told
from drills.rig.stack import Stack, named
from drills.rig.subject import ProbeFailed, Subject
from drills.rig.verdict import Claim, Findings, Verdict, judge
from drills.rig.writer import Writer
from drills.rig.yardstick import Yardstick


@dataclass(frozen=True)
class Place:
    """Where drills are lived: the folder of the runs, who hears each line, whether stacks stay up."""

    runs: Path
    say: Callable[[str], None]
    keep_stack: bool = False


@dataclass(frozen=True)
class Result:
    """What a night came to; `folder` holds the evidence, `story` tells it.

    `recovery` is what the agent told; None where it was not called.
    """

    verdict: Verdict
    findings: Findings
    folder: Path
    story: tuple[str, ...]
    recovery: Recovery | None = None

    @property
    def passed(self) -> bool:
        """Whether every claim held."""
        return self.verdict.word == "pass"

    def __str__(self) -> str:
        return "\n".join(self.story)


class _CannotGoOn(Exception):
    """The rest of the night would prove nothing; the sentence says why."""


@dataclass(frozen=True)
class _Clients:
    """Everything of ours that touches the system from outside."""

    subject: Subject
    ledger: Ledger
    probe: Probe
    writer: Writer
    yardstick: Yardstick


class Drill:
    """One night under way."""

    def __init__(self, course: Course, place: Place) -> None:
        """Make the folder of its evidence; nothing is started yet."""
        self.course = course
        self.settings = course.settings
        self.place = place
        self.clock = Clock(time.monotonic(), datetime.now(UTC))
        self.evidence = Evidence(place.runs, course.name, self.clock.day)
        self.notes = Notes()

    def live(self) -> Result:
        """Live through the night and return what it came to; evidence is written whatever happens."""
        result: Result | None = None
        try:
            self._with_stack()
        except (_CannotGoOn, DrillyardError) as error:
            self.notes.broke = str(error)
        except Exception as error:  # noqa: BLE001 - whatever broke the drill, the verdict must say so
            self.notes.broke = f"{type(error).__name__}: {error}"
        except BaseException as error:
            self.notes.broke = f"it was interrupted ({type(error).__name__})"
            raise
        finally:
            result = self._conclude()
        return result

    def _conclude(self) -> Result:
        course = self.course
        found = find(
            self.notes,
            rto=course.rto,
            rpo_objective=course.rpo,
            verified=self.settings.verified,
            simulated=course.simulated,
            stops=course.stops,
        )
        verdict = judge(found)
        lines = conclude(self.evidence, course, self.notes, found, verdict, self.clock)
        for line in lines:
            self.place.say(line)
        return Result(verdict, found, self.evidence.folder, lines, self.notes.recovery)

    def _with_stack(self) -> None:
        stack = Stack(
            named(self.course.stack),
            self.evidence.folder,
            services=self.course.services,
            disks=self.course.disks,
            keep=self.place.keep_stack,
        )
        with stack:
            self.notes.stack_seconds = stack.seconds
            self.notes.simulated = stack.simulated
            self._say(f"the stack is up ({stack.seconds or 0:.1f} s)")
            try:
                self._with_clients(stack)
            finally:
                self._keep_logs(stack)
                if self.place.keep_stack:
                    self.place.say(stack.how_to_get_in())

    def _with_clients(self, stack: Stack) -> None:
        notes, settings = self.notes, self.settings
        subject = self.course.subject(stack, settings)
        notes.versions |= {**stack.engine.versions(), **subject.versions()}
        notes.side_by_side = stack.engine.stacks_running()
        scene = Scene(
            stack, stack.hosts[self.course.host], self.course.unit, self.course.data_dir, seed=settings.seed
        )
        with Ledger(self.evidence / "ledger.jsonl") as ledger, ExitStack() as undo:
            self._preload(subject, ledger)
            probe = Probe(subject, self.evidence / "probe.jsonl", every=settings.every)
            writer = Writer(subject, ledger, rate=settings.rate, first=settings.preload)
            undo.callback(probe.stop)
            undo.callback(writer.stop)
            yardstick = undo.enter_context(Yardstick())
            probe.start()
            writer.start()
            try:
                self._night(scene, _Clients(subject, ledger, probe, writer, yardstick))
            finally:
                notes.side_by_side = max(notes.side_by_side, stack.engine.stacks_running())
                notes.looks = notes.looks or probe.looks
                notes.acked = tuple(
                    write.acked
                    for write in ledger.writes()
                    if write.seq >= settings.preload and write.acked is not None
                )

    def _night(self, scene: Scene, clients: _Clients) -> None:
        self._steady("before", scene, clients.probe)
        self.notes.steady = time.monotonic()
        with self._backed_up(scene) as marked:
            self._through(marked, clients)
            if self.notes.recovery is not None:
                self._steady("after", scene, clients.probe)

    def _through(self, scene: Scene, clients: _Clients) -> None:
        _pause.wait(self.settings.before)
        self._strike(scene)
        try:
            if self._effective(scene, clients.probe):
                self._recover(scene, clients)
            clients.writer.stop()
            self._account(clients)
            # What is seen once the fault has been taken back is no recovery.
            self.notes.looks = clients.probe.looks
        finally:
            self._heal(scene)

    def _preload(self, subject: Subject, ledger: Ledger) -> None:
        for seqs, intents, sent in subject.preload(0, self.settings.preload):
            ledger.batch(seqs, intents, sent, time.monotonic())
        self._say(f"{self.settings.preload:,} writes are loaded; {self.settings.rate:g} a second follow")

    def _steady(self, when: str, scene: Scene, probe: Probe) -> None:
        """Prove that users are served and that the host is as it should be."""
        served = self._served_again(probe, since=time.monotonic())
        claims = [
            Claim(
                "served",
                "held" if served else "broken",
                f"Reads and writes are {'' if served else 'not '}verified.",
            ),
            *self.course.claims(look_at(scene.stack.hosts[self.course.watched or self.course.host])),
            *(self._resumed(scene) if when == "after" else ()),
        ]
        broken = [claim.sentence for claim in claims if claim.outcome != "held"]
        if when == "before" and broken:
            raise _CannotGoOn(f"there was no steady state to begin from. {broken[0]}")
        self.notes.claims += [
            replace(claim, name=f"{claim.name} {when}", sentence=f"{when.capitalize()}: {claim.sentence}")
            for claim in claims
        ]
        self._say(f"steady state {when}: {'not proved. ' + broken[0] if broken else 'proved'}")

    def _resumed(self, scene: Scene) -> Iterable[Claim]:
        return afterwards.gone_on(self.course.goes_on(), Bench(scene, self._agent(scene), self.evidence))

    def _served_again(self, probe: Probe, *, since: float) -> bool:
        recovery = self.notes.recovery
        ended_badly = recovery is not None and not self.course.ended_well(recovery)
        within = min(2.0, self.settings.settle) if ended_badly else self.settings.settle
        return probe.verified(self.settings.verified, since=since, within=within)

    @contextlib.contextmanager
    def _backed_up(self, scene: Scene) -> Iterator[Scene]:
        """Have the agent make backups while the writer goes on; yield the scene with the marks of then."""
        began = time.monotonic()
        backups = self.course.backups or full_of(self.course.service)
        with ExitStack() as stack:
            try:
                bench = Bench(scene, self._agent(scene), self.evidence)
                said = stack.enter_context(backups(bench))
            except DrillyardError as error:
                raise _CannotGoOn(f"there is no backup to recover from. {error}") from None
            if said:
                self.notes.backed_up = max(bench.held, default=began)
                self._say(f"{said} ({time.monotonic() - began:.1f} s)")
            yield replace(scene, marks=_sizes(scene) if scene.data_dir else {})

    def _strike(self, scene: Scene) -> None:
        began = time.monotonic()
        self.notes.wound = wound = self.course.harm.strike(scene)
        self.notes.struck = wound.at or (began, time.monotonic())
        self._say(f"STRIKE: {wound.what}")

    def _effective(self, scene: Scene, probe: Probe) -> bool:
        """Wait until users notice, or damage is seen where they do not; say whether either happened."""
        notes, needed = self.notes, self.settings.failed
        assert notes.struck is not None
        assert notes.wound is not None
        struck = notes.struck[0]
        end = time.monotonic() + self.settings.patience
        while longest_outage(probe.looks, since=struck) < needed and time.monotonic() < end:
            probe.wait(0.2)
        errors = [look.error for look in probe.looks if not look.ok and look.ended > struck]
        signs = [f"reads and writes fail ({error})" for error in errors[:1]]
        if shown := self.course.harm.seen(scene, notes.wound):
            signs.append(shown)
        if longest_outage(probe.looks, since=struck) < needed and signs:
            notes.seen = time.monotonic()
        notes.effect = "; ".join(signs)
        self._say(f"noticed: {notes.effect}" if signs else "the fault has no effect")
        return bool(signs)

    def _recover(self, scene: Scene, clients: _Clients) -> None:
        self._say(f"the agent is called: run {self.course.page}")
        recovery = self._agent(scene).recover(
            self.course.page, within=self.settings.limit, hear=self._hear, kills=self.course.kills
        )
        self.notes.recovery = recovery
        self._say(f"the agent has ended: {recovery.ended}. {recovery.said}".rstrip())
        if self.course.meddle:
            self.course.meddle(scene, clients.subject)
        if self.course.ended_well(recovery):
            checked = [*afterwards.ticked(recovery)]
            self.notes.claims += checked
            for claim in checked:
                self._say(claim.sentence)
            since = recovery.restored or time.monotonic()
            again = self._served_again(clients.probe, since=since)
            self._say(f"reads and writes are {'' if again else 'not '}verified")
            if not again:
                self.notes.claims.append(afterwards.served(clients.probe.looks, since))
            _pause.wait(self.settings.after)
            if again:
                self._at_pace(clients)

    def _at_pace(self, clients: _Clients) -> None:
        """Hold how fast users are served against before, until it is close or long enough was waited."""
        assert self.notes.struck is not None
        between = (self.notes.steady, self.notes.struck[0])
        self.notes.pace = afterwards.at_pace(
            clients.writer.took, between, self.settings, clients.yardstick.took
        )
        claim = afterwards.performance(self.notes.pace)
        self.notes.claims.append(claim)
        self._say(claim.sentence)

    def _hear(self, told: Told) -> None:
        said = told.event
        if said.get("event") == "run":
            self._say(f"  {said.get('title', '')}{', taken up again' if said.get('resumed') else ''}")
        if told.is_step() and said.get("state") not in ("started", "skipped"):
            took = f"  {said.get('elapsed', 0.0):.1f} s" if said["state"] != "note" else ""
            state = "" if said["state"] in ("done", "note") else f"  {said['state']}"
            tail = f"  {said['sentence']}" if said.get("sentence") else ""
            self._say(f"  {said.get('name') or said['step']}{took}{state}{tail}")

    def _account(self, clients: _Clients) -> None:
        try:
            self.notes.observed = clients.subject.read_back()
        except ProbeFailed as error:
            self._say(f"the ledger cannot be held against it. {error}")
            return
        self.notes.account = found = account(clients.ledger.writes(), self.notes.observed.contents)
        self._say(
            f"the ledger is read: {found.acknowledged:,} acknowledged, {len(found.lost):,} lost, "
            f"{len(found.changed):,} changed, {len(found.duplicated):,} doubled, "
            f"{len(found.invented):,} invented"
        )

    def _heal(self, scene: Scene) -> None:
        """Take the fault back; a failure of it is told, and hides nothing that went wrong before."""
        if self.notes.wound is None:
            return
        try:
            self.course.harm.heal(scene, self.notes.wound)
        except DrillyardError as error:
            self.notes.claims.append(
                Claim("healed", "unknown", f"The fault could not be taken back. {error}")
            )

    def _agent(self, scene: Scene) -> Agent:
        return (self.course.agent or Agent)(
            scene.stack.inventory, self.evidence.agent_runs, self.course.pages
        )

    def _keep_logs(self, stack: Stack) -> None:
        for host in stack.hosts.values():
            try:
                wanted = self.course.logs.get(host.name, {})
                for name, line in wanted.items() if host.running else ():
                    self.evidence.log(host.name, name, host.exec(*line, ok=()).out)
            except DrillyardError as error:
                self._say(f"logs of {host.name} could not be kept. {error}")

    def _say(self, text: str) -> None:
        self.place.say(f"{time.monotonic() - self.clock.monotonic:6.1f} s  {text}")


def _sizes(scene: Scene) -> dict[str, int]:
    """Return the size of every file of the service's data, by path."""
    sizes = scene.host.exec("find", scene.data_dir, "-type", "f", "-printf", "%s %p\\n").text
    return {path: int(size) for size, path in (line.split(" ", 1) for line in sizes.splitlines())}


# Waited on where the drill lets the writer do its work for a while, never in place of a condition.
_pause = threading.Event()
