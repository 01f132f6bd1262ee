"""The agent is run as an operator runs it; what it tells is timed, and killing it is no end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from drills.rig.recovery import Agent, Kill, Recovery, Told

# A stand-in that speaks as the agent does, one line a step; its state lies in a file, as a journal would.
SCRIPT = """
import json, sys, time
from pathlib import Path
verb, page, runs = sys.argv[1], sys.argv[2], Path(sys.argv[sys.argv.index("--runs") + 1])
folder = runs / "one"; folder.mkdir(parents=True, exist_ok=True); done = folder / "done"
tell = lambda **event: print(json.dumps(event), flush=True)
tell(event="run", run="one", folder=str(folder), title="Mend it", resumed=verb == "resume")
ready = done.read_text().split() if done.exists() else []
for step in ("look", "stop", "mend", "start", "proof"):
    told = dict(event="step", step=step, name=step, changed=step not in ("look", "proof"))
    if step in ready:
        tell(**told, state="done", recalled=True)
        continue
    begun = folder / f"begun-{step}"
    first = not begun.exists()
    begun.touch()
    tell(**{**told, "changed": False}, state="started")
    # Long enough to be killed in, the first time; what hangs for ever is the page "30".
    slow = (page == "slow" or verb == "resume") and first and step in ("stop", "mend", "proof")
    if slow or (page == "30" and step == "mend"):
        time.sleep(30)
    with done.open("a") as file: file.write(step + " ")
    tell(**told, state="done")
if page == "dies": sys.exit("it fell over")
tell(event="end", outcome="failed" if page == "fails" else "done", sentence="No." if page == "fails" else "")
"""


class Scripted(Agent):
    """The agent's command line with the stand-in behind it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "hosts.yml", folder / "runs")
        folder.mkdir(exist_ok=True)
        self._script = folder / "script.py"
        self._script.write_text(SCRIPT)

    def command(self, *words: str) -> list[str]:
        """Call the stand-in with the agent's words."""
        return [sys.executable, str(self._script), *words]


def _steps(recovery: Recovery, state: str) -> list[str]:
    return [told.event["step"] for told in recovery.told if told.is_step(state=state)]


def test_what_it_tells_is_timed(tmp_path: Path) -> None:
    """It changes from the first changing step's start to the last one's end, as its lines arrive."""
    heard: list[Told] = []
    told = Scripted(tmp_path).recover("page", within=120, hear=heard.append)
    assert (told.ended, told.exit_code, told.lives) == ("done", 0, 1)
    at = {(each.event["step"], each.event["state"]): each.at for each in heard if each.is_step()}
    assert told.launched < at["look", "started"]
    assert told.changing == at["stop", "started"]
    assert told.restored == at["start", "done"]
    assert heard == told.told


def test_a_killed_agent_resumes(tmp_path: Path) -> None:
    """Killed at a boundary and inside a step it goes on where it was; what was done is not done again."""
    kills = [Kill("stop"), Kill("mend", after=0.05), Kill("proof")]
    told = Scripted(tmp_path).recover("slow", within=120, kills=kills)
    assert (told.ended, told.lives) == ("done", 4)
    assert _steps(told, "done") == ["look", "stop", "mend", "start", "proof"]
    assert _steps(told, "started").count("mend") == 2


def test_a_hanging_agent_is_ended(tmp_path: Path) -> None:
    """A recovery that does not end is ended at the limit, and says so."""
    for within in (1.0, 5.0, 20.0):  # the limit may come before a busy machine has begun anything
        told = Scripted(tmp_path / str(within)).recover("30", within=within)
        assert told.ended == "hung"
        if told.restored is not None:
            break
    assert told.restored is not None


@pytest.mark.parametrize(
    ("page", "ended", "said"), [("fails", "failed", "No."), ("dies", "crashed", "it fell over")]
)
def test_how_it_ends_is_told(tmp_path: Path, page: str, ended: str, said: str) -> None:
    """A failure has the agent's own sentence; a death without a last word has what it wrote to stderr."""
    told = Scripted(tmp_path).recover(page, within=120)
    assert (told.ended, told.said) == (ended, said)


def _told(*events: tuple[str, str, bool]) -> list[Told]:
    return [
        Told(float(at), {"event": "step", "step": step, "state": state, "changed": changed})
        for at, (step, state, changed) in enumerate(events)
    ]


def test_what_the_proofs_write_is_no_change() -> None:
    """A proof that writes and reads back does not put off the moment of the restoration."""
    told = _told(("start", "started", False), ("start", "done", True), ("proof", "started", False))
    told += _told(("proof", "done", True))
    recovery = Recovery(0.0, told, "done", proofs=frozenset({"proof"}))
    assert (recovery.changing, recovery.restored) == (0.0, 1.0)


def test_an_agent_that_need_not_change_anything_is_timed_to_its_end() -> None:
    """Where it looked and found all well its end is the moment; where it did not get there, there is none."""
    told = [*_told(("look", "started", False), ("look", "done", False)), Told(2.5, {"event": "end"})]
    well = Recovery(0.0, told, "done")
    assert (well.changing, well.restored) == (2.5, 2.5)
    failed = Recovery(0.0, told, "failed")
    assert (failed.changing, failed.restored) == (None, None)
