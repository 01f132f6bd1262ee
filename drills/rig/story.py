"""A verdict told to a tired reader: the word first, then what happened, in whole sentences; pure."""

from __future__ import annotations

from drills.rig.account import Account
from drills.rig.stopwatch import Measured
from drills.rig.verdict import Findings, Verdict


def tell(name: str, found: Findings, verdict: Verdict) -> list[str]:
    """Return the lines of the story."""
    lines = [f"{verdict.marked}  {name}"]
    if verdict.caveat:
        lines.append(verdict.caveat)
    if found.measured.rto is not None:
        lines.append(_outage(found.measured, found.rto_objective))
    if found.account is not None:
        lines.append(_account(found.account, found.rpo.seconds, found.rpo_objective))
    if verdict.word != "pass":
        lines += [f"- {reason}" for reason in verdict.reasons]
    return lines


def _outage(measured: Measured, goal: float) -> str:
    phases = ", ".join(f"{took:.1f} s to {phase}" for phase, took in measured.phases)
    return f"Users were without it for {measured.rto:.1f} s (allowed: {_span(goal)}): {phases}."


def _account(account: Account, rpo: float | None, goal: float) -> str:
    said = f"Of {account.acknowledged:,} acknowledged writes"
    if account.lost or account.changed:
        said += f": {len(account.lost):,} lost, {len(account.changed):,} changed"
        if rpo:
            said += f"; the oldest loss is {_short(rpo)} before the strike (allowed: {_span(goal)})"
    else:
        said += " none is lost and none is changed"
    if not account.indeterminate:
        return f"{said}."
    happened = f"{account.indeterminate_found:,}" if account.indeterminate_found else "none"
    return f"{said}. {account.indeterminate:,} more were never acknowledged; {happened} of them happened."


def _short(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"
