"""A verdict is pass only where every claim was proved; a proven failure outranks the unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drills.rig.account import Account, account
from drills.rig.ledger import Write
from drills.rig.rpo import Rpo
from drills.rig.stopwatch import Measured
from drills.rig.story import tell
from drills.rig.verdict import Claim, Findings, judge

WRITES = [Write(n, f"k{n}", "set", f"c{n}", False, float(n), n + 0.1) for n in range(10)]
HELD = {write.key: (write.content,) for write in WRITES}
CLEAN = account(WRITES, HELD)
GOOD = Findings(
    rto_objective=60.0,
    rpo_objective=5.0,
    struck=8.0,
    effect="reads failed",
    ended="done",
    backed_up=4.0,
    recovered=8.5,
    measured=Measured(
        3.0, (("detect", 1.0), ("decide", 0.5), ("restore", 1.0), ("verify", 0.5)), "", 8.0, 11.0
    ),
    rpo=Rpo(0.0, "Nothing acknowledged before the strike is lost."),
    account=CLEAN,
    acked_before=8,
    resumed=1,
)


def _without(*seqs: int) -> Account:
    return account(WRITES, {key: held for key, held in HELD.items() if int(key[1:]) not in seqs})


def test_all_held_is_a_pass() -> None:
    """The sound case passes, and every claim has a sentence."""
    told = judge(GOOD)
    assert told.word == "pass"
    assert all(claim.sentence.endswith(".") for claim in told.claims)


@pytest.mark.parametrize(
    ("found", "word", "reason"),
    [
        (replace(GOOD, effect=""), "unverified", "no effect"),
        (replace(GOOD, struck=None), "unverified", "Nothing was struck"),
        (replace(GOOD, broke="no engine"), "unverified", "no engine"),
        (replace(GOOD, rpo=Rpo(None, "Nobody wrote.")), "unverified", "Nobody wrote"),
        (replace(GOOD, measured=Measured(None, why="No time.")), "unverified", "No time"),
        (replace(GOOD, account=None), "unverified", "could not be held against"),
        (replace(GOOD, acked_before=0), "unverified", "never acknowledged"),
        (replace(GOOD, ended=""), "unverified", "never started"),
        (replace(GOOD, ended="failed", agent_said="no space"), "fail", "no space"),
        (replace(GOOD, ended="hung"), "fail", "did not end"),
        (replace(GOOD, stops="later"), "fail", "was to stop in later, and went on"),
        (replace(GOOD, stops="later", ended="failed", failed="restore"), "fail", "ended as failed"),
        (replace(GOOD, measured=Measured(61.0)), "fail", "61.0 s"),
        (replace(GOOD, rpo=Rpo(6.0, "")), "fail", "6.0 s"),
        (replace(GOOD, resumed=0), "fail", "No write was acknowledged"),
        (replace(GOOD, account=_without(9)), "fail", "#9 (set k9)"),
        (replace(GOOD, account=_without(2)), "fail", "#2 (set k2)"),
        (replace(GOOD, account=account(WRITES, {**HELD, "k3": ("x",)})), "fail", "#3 (set k3)"),
        (replace(GOOD, account=account(WRITES, {**HELD, "z": ("x",)})), "fail", "nobody wrote: z"),
        (replace(GOOD, seen=(Claim("service running", "broken", "It does not run."),)), "fail", "not run"),
    ],
)
def test_each_claim_can_spoil_it(found: Findings, word: str, reason: str) -> None:
    """One claim that is broken or unknown decides the verdict, and says so in words."""
    told = judge(found)
    assert told.word == word
    assert reason in " ".join(told.reasons)
    assert reason in " ".join(tell("night", found, told))


def test_an_agent_that_is_to_stop_and_does_is_a_pass() -> None:
    """Where going on would be wrong; what it said is told."""
    told = judge(replace(GOOD, stops="later", ended="failed", failed="later", agent_said="It is back."))
    assert told.word == "pass"
    assert any("stopped in later, as it is to. It said: It is back." in each for each in told.reasons)


def test_a_loss_after_the_backup_and_before_the_strike_is_the_objective_s_matter() -> None:
    """What no backup held may be lost within the RPO."""
    assert judge(replace(GOOD, account=_without(6), rpo=Rpo(1.9, ""))).word == "pass"


FAKES = ("kubernetes (no cluster)", "Atlas (a fake built from the published schema)")


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (GOOD, "PASS"),
        (replace(GOOD, resumed=0), "FAIL"),
        (replace(GOOD, effect=""), "COULD NOT VERIFY"),
    ],
)
def test_what_ran_against_a_stand_in_says_so_first(found: Findings, word: str) -> None:
    """Whatever the verdict, its first line names what was simulated; where nothing was, nothing is said."""
    simulated = replace(found, simulated=FAKES)
    first = tell("night", simulated, judge(simulated))[0]
    assert first == f"{word} (SIMULATED: {FAKES[0]}, {FAKES[1]})  night"
    assert tell("night", found, judge(found))[0] == f"{word}  night"
    second = tell("night", simulated, judge(simulated))[1]
    assert second.startswith(f"SIMULATED: {FAKES[0]}; {FAKES[1]}. What this night says of it holds")
    assert not any("SIMULATED" in line for line in tell("night", found, judge(found)))


def test_a_proven_failure_outranks_the_unknown() -> None:
    """What was seen to be wrong stays wrong, whatever else could not be told."""
    told = judge(replace(GOOD, resumed=0, rpo=Rpo(None, "Nobody wrote.")))
    assert told.word == "fail"
    assert "No write" in told.reasons[0]
