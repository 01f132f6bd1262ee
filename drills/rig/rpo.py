"""How much acknowledged work was lost, in seconds before the strike; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from drills.rig.ledger import Write

NEAR = 1.0  # seconds: a writer that was acknowledged this shortly before the strike would have seen a loss


@dataclass(frozen=True)
class Rpo:
    """Seconds between the earliest lost acknowledgement and the strike; None = unknown, and why."""

    seconds: float | None
    why: str


def measure(struck: float, acked_before: float | None, lost: Iterable[Write]) -> Rpo:
    """Return the RPO of a strike at `struck`.

    `acked_before` is the newest acknowledgement of the writer at or before the strike. What was acknowledged
    only after the strike is no matter of the RPO: it must never be lost.
    """
    times = [write.acked for write in lost if write.acked is not None and write.acked <= struck]
    if times:
        return Rpo(struck - min(times), f"{len(times)} acknowledged writes from before the strike are lost.")
    if acked_before is None:
        return Rpo(None, "The writer was never acknowledged before the strike: a loss could not be seen.")
    if struck - acked_before > NEAR:
        return Rpo(
            None,
            f"The last acknowledged write came {struck - acked_before:.1f} s before the strike: "
            "a loss after it could not be seen.",
        )
    return Rpo(0.0, "Nothing acknowledged before the strike is lost.")
