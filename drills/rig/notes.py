"""What a drill knows so far, and what follows from it: the findings its verdict is judged by."""

from __future__ import annotations

from dataclasses import dataclass, field

from drills.rig import rpo, stopwatch
from drills.rig.account import Account
from drills.rig.fault import Wound
from drills.rig.pace import Compared
from drills.rig.probe import Look
from drills.rig.recovery import Recovery
from drills.rig.subject import Observed
from drills.rig.verdict import Claim, Findings


@dataclass
class Notes:
    """Filled in as the night goes on; what an unexpected end leaves as it is, is unknown.

    `steady` is when the steady state before was proved, `struck` the strike's earliest and latest moment,
    `seen` when damage was seen in the files, `backed_up` when the verified backup was begun, `acked` when the
    writer's writes were acknowledged, `simulated` what of the stack is a stand-in. Times are of the
    controller's monotonic clock.
    """

    steady: float = 0.0
    struck: tuple[float, float] | None = None
    wound: Wound | None = None
    effect: str = ""
    seen: float | None = None
    backed_up: float | None = None
    recovery: Recovery | None = None
    observed: Observed | None = None
    account: Account | None = None
    looks: tuple[Look, ...] = ()
    acked: tuple[float, ...] = ()
    pace: Compared | None = None
    claims: list[Claim] = field(default_factory=list)
    broke: str = ""
    side_by_side: int = 0
    stack_seconds: float | None = None
    simulated: tuple[str, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)


def find(
    notes: Notes,
    *,
    rto: float,
    rpo_objective: float,
    verified: int,
    simulated: tuple[str, ...] = (),
    stops: str = "",
) -> Findings:
    """Return what the notes come to, against objectives in seconds; `stops` as in Course. Pure."""
    ended = notes.recovery.ended if notes.recovery else ""
    restored = notes.recovery.restored if notes.recovery else None
    struck = notes.struck[1] if notes.struck else None
    before = [when for when in notes.acked if struck is not None and when <= struck]
    return Findings(
        rto_objective=rto,
        rpo_objective=rpo_objective,
        struck=struck,
        effect=notes.effect,
        ended=ended,
        agent_said=notes.recovery.said if notes.recovery else "",
        backed_up=notes.backed_up,
        recovered=restored,
        measured=_measured(notes, verified),
        rpo=_rpo(notes, before),
        account=notes.account,
        acked_before=len(before),
        resumed=sum(1 for when in notes.acked if restored is not None and when > restored),
        seen=tuple(notes.claims),
        broke=notes.broke,
        stops=stops,
        failed=notes.recovery.failed if notes.recovery else "",
        simulated=(*simulated, *(each for each in notes.simulated if each not in simulated)),
    )


def _measured(notes: Notes, verified: int) -> stopwatch.Measured:
    if notes.struck is None:
        return stopwatch.Measured(None, why="Nothing was struck.")
    recovery = notes.recovery
    times = stopwatch.Times(
        struck=notes.struck[0],
        seen=notes.seen,
        launched=recovery.launched if recovery else None,
        changing=recovery.changing if recovery else None,
        restored=recovery.restored if recovery else None,
        sound=notes.account.whole if notes.account else None,
    )
    return stopwatch.measure(times, notes.looks, in_a_row=verified)


def _rpo(notes: Notes, before: list[float]) -> rpo.Rpo:
    if notes.struck is None:
        return rpo.Rpo(None, "Nothing was struck.")
    if notes.account is None:
        return rpo.Rpo(None, "What was written could not be held against what is there.")
    return rpo.measure(notes.struck[1], max(before, default=None), notes.account.lost)
