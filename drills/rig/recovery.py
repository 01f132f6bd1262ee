"""The agent at work: the very command an operator types, and the moment each of its lines arrived."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import DrillyardError
from agent.runbook.load import load_page


@dataclass(frozen=True)
class Told:
    """One event of the agent, and when its line arrived (monotonic seconds)."""

    at: float
    event: dict[str, Any]

    def is_step(self, step: str = "", state: str = "") -> bool:
        """Whether it is about a step that is done now: that one, in that state ("" = any)."""
        said = self.event
        return (
            said.get("event") == "step"
            and not said.get("recalled")
            and step in ("", said.get("step"))
            and state in ("", said.get("state"))
        )


@dataclass(frozen=True)
class Kill:
    """Kill the agent with SIGKILL `after` seconds into the step, then let it resume."""

    step: str
    after: float = 0.0


@dataclass(frozen=True)
class Said:
    """How a command of the agent ended."""

    rc: int
    out: str
    err: str

    @property
    def last(self) -> str:
        """The last line it said: the sentence, where it failed."""
        lines = (self.err.strip() or self.out.strip()).splitlines()
        return lines[-1].strip() if lines else "(it said nothing)"


@dataclass
class Recovery:
    """What the agent told while it ran, over all its lives where it was killed and resumed.

    `ended` is done, failed, stopped, unknown, hung, refused (it said no before it began), or crashed (it died
    without a last word). `killed` are the steps in which it was killed, `proofs` the page's proving steps:
    what they write is no change of the recovery.
    """

    launched: float
    told: list[Told] = field(default_factory=list)
    ended: str = ""
    said: str = ""
    exit_code: int = 0
    folder: str = ""
    lives: int = 0
    killed: list[str] = field(default_factory=list)
    proofs: frozenset[str] = frozenset()

    @property
    def changing(self) -> float | None:
        """When it began its first step that altered a host; where none had to be, when it had seen that."""
        altered = {each.event["step"] for each in self._changes()}
        begun = [
            each.at for each in self.told if each.is_step(state="started") and each.event["step"] in altered
        ]
        return begun[0] if begun else self._seen_sound()

    @property
    def restored(self) -> float | None:
        """When it had done its last step that altered a host; where none had to be, when it had seen that."""
        ends = [each.at for each in self._changes() if each.event["state"] == "done"]
        return ends[-1] if ends else self._seen_sound()

    @property
    def failed(self) -> str:
        """The id of the step that ended it in failure; "" where none did."""
        steps = [each.event["step"] for each in self.told if each.is_step(state="failed")]
        return str(steps[-1]) if steps else ""

    def _seen_sound(self) -> float | None:
        if self.ended != "done" or self._changes():
            return None
        return next((each.at for each in self.told if each.event.get("event") == "end"), None)

    def _changes(self) -> list[Told]:
        return [
            each
            for each in self.told
            if each.is_step() and each.event.get("changed") and each.event["step"] not in self.proofs
        ]


class Agent:
    """The agent's command line, on one inventory."""

    def __init__(self, inventory: Path, runs: Path, pages: Sequence[Path] = ()) -> None:
        """Runs are kept below `runs`; `pages` are folders searched before the agent's own."""
        self.inventory = self._inventory = inventory
        self._runs = runs
        self._pages = pages

    def command(self, *words: str) -> list[str]:
        """Return the whole command line for these words, for running or for showing."""
        return [sys.executable, "-m", "agent", *words]

    def order(self, page: str, options: Sequence[str]) -> list[str]:
        """Return the whole command line that begins a page's run with these options."""
        return self.command("run", page, *options)

    def do(self, *words: str, within: float = 120.0) -> Said:
        """Carry out a short command such as `backup take redis` and return how it ended."""
        line = self.command(*words, "--inventory", str(self._inventory))
        try:
            done = subprocess.run(
                line, capture_output=True, text=True, timeout=within, env=_env(), check=False
            )
        except subprocess.TimeoutExpired:
            return Said(-1, "", f"`drillyard {' '.join(words)}` did not end in {within:.0f} s and was ended.")
        return Said(done.returncode, done.stdout, done.stderr)

    def recover(
        self,
        page: str,
        *,
        within: float,
        hear: Callable[[Told], None] | None = None,
        kills: Sequence[Kill] = (),
    ) -> Recovery:
        """Run a page to its end, however often it is killed on the way, and return all it told.

        `hear` is told each event as it comes. After `within` seconds the agent is ended.
        """
        recovery = Recovery(time.monotonic())
        pages = [word for folder in self._pages for word in ("--pages", str(folder))]
        where = ["--runs", str(self._runs), "--json", "--yes"]
        line = self.order(page, ["--inventory", str(self._inventory), *pages, *where])
        left = list(kills)
        end = recovery.launched + within
        while True:
            life = _Life(line, recovery, hear)
            recovery.lives += 1
            killed = life.live(left, end)
            if not killed or not recovery.folder:
                recovery.proofs = proofs_of(page, self._pages)
                return recovery
            line = self.command("resume", recovery.folder, *where)


class _Life:
    """One process of the agent, from its start to its end."""

    def __init__(self, line: list[str], recovery: Recovery, hear: Callable[[Told], None] | None) -> None:
        self._recovery = recovery
        self._hear = hear
        self._killed = False
        self._process = subprocess.Popen(
            line,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env=_env(),
        )
        self._errors: list[str] = []
        self._timers: list[threading.Timer] = []

    def live(self, kills: list[Kill], end: float) -> bool:
        """Follow it to its end and say whether a kill of `kills` ended it; used kills are taken out."""
        recovery = self._recovery
        recovery.ended = ""
        listener = threading.Thread(target=self._complaints, daemon=True)
        listener.start()
        hang = threading.Timer(max(0.0, end - time.monotonic()), self._hung)
        hang.start()
        try:
            assert self._process.stdout is not None
            for line in self._process.stdout:
                self._line(line, kills)
            recovery.exit_code = self._process.wait()
        finally:
            for timer in (hang, *self._timers):
                timer.cancel()
            self._process.kill()
            self._process.wait()
            # Its last words are asked for only where it died by itself; a resume is not held up by them.
            listener.join(timeout=5 if recovery.ended or self._killed else 60)
        if not recovery.ended:
            recovery.ended = "refused" if recovery.exit_code > 0 and not recovery.folder else "crashed"
            recovery.said = (self._errors or ["(it said nothing)"])[-1].strip()
        return self._killed and recovery.ended == "crashed"

    def _line(self, line: str, kills: list[Kill]) -> None:
        at = time.monotonic()
        try:
            event = json.loads(line)
        except ValueError:
            self._errors.append(line)
            return
        told = Told(at, event)
        recovery = self._recovery
        recovery.told.append(told)
        if event.get("event") == "run":
            recovery.folder = event["folder"]
        if event.get("event") == "end":
            recovery.ended, recovery.said = event["outcome"], event.get("sentence", "")
        if self._hear:
            self._hear(told)
        for kill in [each for each in kills if told.is_step(each.step, "started")]:
            kills.remove(kill)
            self._kill_in(kill)

    def _kill_in(self, kill: Kill) -> None:
        if not kill.after:
            self._kill(kill.step)
            return
        timer = threading.Timer(kill.after, self._kill, [kill.step])
        self._timers.append(timer)
        timer.start()

    def _kill(self, step: str) -> None:
        self._killed = True
        self._recovery.killed.append(step)
        self._process.kill()

    def _hung(self) -> None:
        self._recovery.ended = "hung"
        self._process.kill()

    def _complaints(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)


def proofs_of(page: str, folders: Sequence[Path]) -> frozenset[str]:
    """Return the ids of the steps by which a page proves its recovery; none where it cannot be read."""
    try:
        return frozenset(step.id for step in load_page(page, folders).prove)
    except DrillyardError:
        # The agent has refused it too, and says why.
        return frozenset()


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}
