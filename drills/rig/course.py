"""What is to happen in one night: which stack, what breaks, which page recovers, and what it must keep to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from drills.rig.backups import Backups, Resumed, full_again
from drills.rig.evidence import Evidence
from drills.rig.fault import Harm, Scene
from drills.rig.recovery import Agent, Kill, Recovery
from drills.rig.stack import Stack
from drills.rig.stopwatch import Measured
from drills.rig.subject import Subject
from drills.rig.verdict import Claim

Tells: TypeAlias = "Callable[[Evidence, Measured], Iterable[str]]"


@dataclass(frozen=True)
class Settings:
    """How hard and how long a drill works; times in seconds.

    `rate` writes a second; `preload` writes loaded before; `before` and `after` are how long is written
    before the strike and after the recovery. `limit` ends a recovery that hangs. `failed` looks in a row
    are an outage, `verified` looks in a row its end; where nothing fails outwardly for `patience`, damage is
    looked for in the files. `settle` is how long steady reads and writes are waited for, and how long the
    median write may then take to be at most `slower` (0.2 = 20 %) above what it was before the strike.
    """

    rate: float = 200.0
    preload: int = 20_000
    seed: int = 1
    before: float = 2.0
    after: float = 1.0
    limit: float = 180.0
    every: float = 0.1
    failed: int = 3
    verified: int = 5
    patience: float = 3.0
    settle: float = 15.0
    slower: float = 0.2


@dataclass(frozen=True)
class Course:
    """One night.

    `subject` makes the client that writes and reads from outside; `claims` looks at the host through
    testinfra before and after; `logs` are commands whose output is kept, by host and the name of its file.
    `host` is the one that is struck, `watched` the one that `claims` looks at ("" = the same). `rto` and
    `rpo` are the objectives in seconds. `services` and `disks` as in Stack. `pages` are folders searched
    before the agent's. `backups` are made before the strike (None = one full copy of `service`); `resumed`
    are claims about what has to go on after the recovery, backups above all (None = where one full copy was
    made, another). `agent` is how it is called, `kills` ends it on its way. `meddle` is done behind
    everybody's back once it has ended: proofs that a drill can fail use it. `simulated` names what of the
    night is not the real thing, and what stands in its place, such as "Atlas (a fake built from the published
    schema)"; what of the stack is a stand-in, the stack says itself. No verdict is shown without them.
    `tells` adds lines to the story of a night of which something more was measured, and keeps its figures in
    the evidence. `stops` is the step in which the agent is to stop, by its id, where going on would be wrong
    ("" = it is to go on to the end).
    """

    drill: str
    page: str
    service: str
    harm: Harm
    subject: Callable[[Stack, Settings], Subject]
    claims: Callable[[Any], Iterable[Claim]]
    rto: float
    rpo: float
    variant: str = ""
    settings: Settings = Settings()
    stack: str = "chat"
    host: str = "redis1"
    watched: str = ""
    unit: str = ""
    data_dir: str = ""
    logs: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    disks: Mapping[str, str] = field(default_factory=dict)
    pages: tuple[Path, ...] = ()
    backups: Backups | None = None
    resumed: Resumed | None = None
    agent: type[Agent] | None = None
    kills: tuple[Kill, ...] = ()
    meddle: Callable[[Scene, Subject], None] | None = None
    simulated: tuple[str, ...] = ()
    tells: Tells | None = None
    stops: str = ""

    def ended_well(self, recovery: Recovery) -> bool:
        """Return whether the agent went on to the end, or stopped where it is to."""
        if self.stops:
            return recovery.ended == "failed" and recovery.failed == self.stops
        return recovery.ended == "done"

    @property
    def name(self) -> str:
        """The drill's name with its variant, as its folder has it."""
        return f"{self.drill}-{self.variant}" if self.variant else self.drill

    def goes_on(self) -> Resumed:
        """Return what tells whether backups go on after the recovery."""
        if self.resumed is None and self.backups is None:
            return full_again(self.service)
        return self.resumed or (lambda _bench: ())
