"""A sample of the sweep of kills: take, ship, prune and restore, killed here and there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import refserver_kills
from tests.at_rest.kills import NEW, UNREACHED, Sweep, World

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not shutil.which("cc"), reason="what counts and kills is compiled")
def test_what_is_killed_leaves_the_old_or_the_new_state() -> None:
    """And the next run succeeds."""
    words = [sys.executable, "bench/refserver_kills.py", "--every", "61"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, f"{done.stdout}{done.stderr[-2000:]}"
    swept = re.findall(r"^(\w+): (\d+)/\2 ", done.stdout, re.MULTILINE)
    assert {verb: int(kills) > 0 for verb, kills in swept} == dict.fromkeys(
        ("take_full", "take_hourly", "ship", "prune", "restore"), True
    )


class _Ended:
    """A world in which the verb ended before the call it was to be killed at, and one in which it did not."""

    def __init__(self, reached: int) -> None:
        self.reached = reached

    def reset(self) -> None:
        """Nothing to make."""

    def killed(self, _: object, number: int) -> bool:
        """Only the first calls are reached."""
        return number <= self.reached


class _Sweep(Sweep):
    def __init__(self, world: object, verb: object) -> None:
        self.world, self.verb = world, verb  # type: ignore[assignment]

    def calls(self) -> int:
        """More than are reached."""
        return 4

    def at(self, number: int) -> tuple[str, str]:
        """What was reached left the new state."""
        return (NEW, "") if number <= self.world.reached else super().at(number)  # type: ignore[attr-defined]


@pytest.mark.parametrize("reached", [0, 3])
def test_a_call_that_was_not_reached_was_not_survived(
    reached: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is counted on neither side, and said."""
    monkeypatch.setattr(refserver_kills, "Sweep", _Sweep)
    world: World = _Ended(reached)  # type: ignore[assignment]
    assert _Sweep(world, None).at(4) == (UNREACHED, "")
    assert refserver_kills.swept(world, lambda _: None, 1) == (reached, reached)
    assert f"{4 - reached} of 4 calls never reached" in capsys.readouterr().out
