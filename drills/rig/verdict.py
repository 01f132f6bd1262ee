"""What a drill proved: pass, fail or unverified, with one sentence a claim; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from drills.rig.account import Account
from drills.rig.ledger import Write
from drills.rig.rpo import Rpo
from drills.rig.stopwatch import Measured

Outcome = Literal["held", "broken", "unknown"]
NOT_TIMED = Measured(None, why="The drill did not get that far.")
NOT_COUNTED = Rpo(None, "The drill did not get that far.")
SHOWN = {"pass": "PASS", "fail": "FAIL", "unverified": "COULD NOT VERIFY"}
NAMED = 5  # writes named in a sentence; the evidence names all


@dataclass(frozen=True)
class Claim:
    """One thing a drill claims: whether it held, was broken, or could not be told; and a plain sentence."""

    name: str
    outcome: Outcome
    sentence: str


@dataclass(frozen=True)
class Findings:
    """Everything a verdict is made of; what is None could not be found out.

    Times are seconds of the controller's monotonic clock. `effect` says how the fault was seen ("" = it was
    not). `ended` is how the agent ended: done, failed, unknown, hung, or "" where it was never started.
    `backed_up` is when the verified backup was begun, `recovered` when the agent had made its last change.
    `resumed` counts the acknowledgements after that. `seen` are further claims, about the hosts and the
    steady state. `broke` says what went wrong with the drill itself. `simulated` is what course and stack say
    is a stand-in. `stops` is the step in which the agent is to stop ("" = in none), `failed` the one in which
    it did.
    """

    rto_objective: float
    rpo_objective: float
    struck: float | None = None
    effect: str = ""
    ended: str = ""
    agent_said: str = ""
    backed_up: float | None = None
    recovered: float | None = None
    measured: Measured = NOT_TIMED
    rpo: Rpo = NOT_COUNTED
    account: Account | None = None
    acked_before: int = 0
    resumed: int = 0
    seen: tuple[Claim, ...] = field(default_factory=tuple)
    broke: str = ""
    simulated: tuple[str, ...] = ()
    stops: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Verdict:
    """The word, and every claim it was made of, in the order a reader wants them.

    `simulated` names what was not the real thing; a verdict about a stand-in proves nothing about what it
    stands for, so whoever shows the word shows `marked`.
    """

    word: Literal["pass", "fail", "unverified"]
    claims: tuple[Claim, ...]
    simulated: tuple[str, ...] = ()

    @property
    def marked(self) -> str:
        """The word as a reader has to see it: `PASS`, or `PASS (SIMULATED: kubernetes (no cluster))`."""
        return SHOWN[self.word] + (f" (SIMULATED: {', '.join(self.simulated)})" if self.simulated else "")

    @property
    def caveat(self) -> str:
        """One sentence on what was simulated and what that means; empty where nothing was."""
        if not self.simulated:
            return ""
        return (
            f"SIMULATED: {'; '.join(self.simulated)}. What this night says of it holds of what stood in its "
            "place, and proves nothing about the real one."
        )

    @property
    def reasons(self) -> tuple[str, ...]:
        """The sentences that decided it: what was broken, then what could not be told; else what held."""
        broken = tuple(claim.sentence for claim in self.claims if claim.outcome == "broken")
        unknown = tuple(claim.sentence for claim in self.claims if claim.outcome == "unknown")
        return broken + unknown or tuple(claim.sentence for claim in self.claims)


def judge(found: Findings) -> Verdict:
    """Return the verdict: one broken claim is a fail, else one unknown claim is unverified, else a pass."""
    claims = tuple(_claims(found))
    outcomes = {claim.outcome for claim in claims}
    if "broken" in outcomes:
        return Verdict("fail", claims, found.simulated)
    return Verdict("unverified" if "unknown" in outcomes else "pass", claims, found.simulated)


def _claims(found: Findings) -> list[Claim]:
    claims = []
    if found.broke:
        claims.append(Claim("drill", "unknown", f"The drill did not come to its end: {found.broke}"))
    claims.append(_effect(found))
    if found.struck is not None and found.effect:
        claims += [_agent(found), _rto(found), _rpo(found), _resumed(found)]
    claims += _content(found)
    return claims + list(found.seen)


def _effect(found: Findings) -> Claim:
    if found.struck is None:
        return Claim("effect", "unknown", "Nothing was struck, so nothing was proved.")
    if not found.effect:
        return Claim("effect", "unknown", "The fault had no effect: no look failed and no damage was seen.")
    return Claim("effect", "held", f"The fault had an effect: {found.effect}.")


def _agent(found: Findings) -> Claim:
    said = f" It said: {found.agent_said}" if found.agent_said else ""
    if found.stops and found.ended == "failed" and found.failed == found.stops:
        return Claim("agent", "held", f"The agent stopped in {found.stops}, as it is to.{said}")
    match found.ended:
        case "done" if found.stops:
            return Claim(
                "agent", "broken", f"The agent was to stop in {found.stops}, and went on to the end."
            )
        case "done":
            return Claim("agent", "held", "The agent carried its page out to the end.")
        case "hung":
            return Claim(
                "agent", "broken", f"The agent did not end in the drill's limit and was ended.{said}"
            )
        case "":
            return Claim("agent", "unknown", "The agent was never started.")
        case other:
            return Claim("agent", "broken", f"The agent's run ended as {other}.{said}")


def _rto(found: Findings) -> Claim:
    rto, goal = found.measured.rto, found.rto_objective
    if rto is None:
        return Claim("rto", "unknown", f"The RTO is unmeasured. {found.measured.why}")
    if rto > goal:
        return Claim("rto", "broken", f"The outage took {rto:.1f} s; the objective is {goal:.0f} s.")
    return Claim("rto", "held", f"The outage took {rto:.1f} s, within the objective of {goal:.0f} s.")


def _rpo(found: Findings) -> Claim:
    rpo, goal = found.rpo.seconds, found.rpo_objective
    if rpo is None:
        return Claim("rpo", "unknown", f"The RPO is unknown. {found.rpo.why}")
    if rpo > goal:
        return Claim(
            "rpo",
            "broken",
            f"The losses go back {rpo:.1f} s before the strike; the objective is {goal:.0f} s.",
        )
    if rpo:
        return Claim(
            "rpo",
            "held",
            f"The losses go back {rpo:.2f} s before the strike, within the objective of {goal:.0f} s.",
        )
    return Claim("rpo", "held", found.rpo.why)


def _resumed(found: Findings) -> Claim:
    if not found.acked_before:
        return Claim(
            "writes resumed", "unknown", "The writer was never acknowledged, not even before the strike."
        )
    if not found.resumed and found.broke:
        return Claim("writes resumed", "unknown", "The drill ended before it could see writes resume.")
    if not found.resumed:
        return Claim("writes resumed", "broken", "No write was acknowledged after the recovery.")
    return Claim("writes resumed", "held", f"{found.resumed} writes were acknowledged after the recovery.")


def _content(found: Findings) -> list[Claim]:
    account = found.account
    if account is None:
        return [Claim("integrity", "unknown", "What was written could not be held against what is there.")]
    late: tuple[Write, ...] = ()
    if found.struck is not None:
        late = _acked(account.lost, after=found.struck)
    held: tuple[Write, ...] = ()
    if found.backed_up is not None:
        held = _acked(account.lost, until=found.backed_up)
    return [
        _none("nothing changed", account.changed, "found changed"),
        _none("nothing duplicated", account.duplicated, "found more than once"),
        _none("nothing reordered", account.reordered, "found behind later ones"),
        _invented(account.invented),
        _none("nothing lost after the strike", late, "lost after the strike"),
        _none("the backup is used", held, "lost although in the verified backup"),
    ]


def _acked(writes: tuple[Write, ...], after: float = 0.0, until: float = float("inf")) -> tuple[Write, ...]:
    return tuple(write for write in writes if write.acked is not None and after < write.acked <= until)


def _none(name: str, writes: tuple[Write, ...], what: str) -> Claim:
    if not writes:
        return Claim(name, "held", f"No acknowledged writes were {what}.")
    count = "1 acknowledged write was" if len(writes) == 1 else f"{len(writes):,} acknowledged writes were"
    return Claim(name, "broken", f"{count} {what}: {_named([_name(write) for write in writes])}.")


def _name(write: Write) -> str:
    return f"#{write.seq} ({write.kind} {write.key})"


def _invented(keys: tuple[str, ...]) -> Claim:
    if not keys:
        return Claim("nothing invented", "held", "Nothing is there that nobody wrote.")
    return Claim("nothing invented", "broken", f"Something is there that nobody wrote: {_named(list(keys))}.")


def _named(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
