"""How a night has its backups: made before the strike, kept up while it lasts where they are continuous."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from agent.errors import StepFailed
from drills.rig.evidence import Evidence
from drills.rig.fault import Scene
from drills.rig.recovery import Agent
from drills.rig.verdict import Claim


@dataclass(frozen=True)
class Bench:
    """What a night's backups are made with: where, by whom, and where what they said is kept.

    `held` are moments of the controller's monotonic clock, one for each backup that the recovery may use:
    what was acknowledged before the last of them may not be lost. None where nobody says: then it is when the
    first was begun.
    """

    scene: Scene
    agent: Agent
    evidence: Evidence
    held: list[float] = field(default_factory=list)


Backups = Callable[[Bench], AbstractContextManager[str]]
"""Entered before the strike and left when the night is over; gives the sentence that the story tells ("" =
there is no backup, and no need of one).

What cannot back up raises a DrillyardError: without a verified backup the night proves nothing.
"""
Resumed = Callable[[Bench], Iterable[Claim]]
"""Asked once the recovery is over, while the backups are still kept up: claims that they go on."""


def full_of(service: str) -> Backups:
    """Return backups that are one full copy of that service, taken and verified by the agent."""

    @contextlib.contextmanager
    def backups(bench: Bench) -> Iterator[str]:
        _take(bench, service, "backup-take.txt")
        yield "a backup is taken and verified"

    return backups


def full_again(service: str) -> Resumed:
    """Return the claim that another full copy can be taken and verified, as the checklist asks for."""

    def resumed(bench: Bench) -> Iterator[Claim]:
        try:
            _take(bench, service, "backup-again.txt")
        except StepFailed as error:
            yield Claim("backups go on", "broken", f"Backups do not go on: {error}")
        else:
            yield Claim("backups go on", "held", "Another backup is taken and verified.")

    return resumed


def _take(bench: Bench, service: str, name: str) -> None:
    """Take one; what is taken is verified there and then, by loading it, or the command fails."""
    said = bench.agent.do("backup", "take", service)
    bench.evidence.write(name, said.out + said.err)
    if said.rc:
        raise StepFailed(f"`backup take` ended with code {said.rc}. {said.last}")


@contextlib.contextmanager
def none_needed(bench: Bench) -> Iterator[str]:
    """Backups of a service that keeps no data of its own: whatever happens to it, nothing may be lost."""
    del bench
    yield ""
