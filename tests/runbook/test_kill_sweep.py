"""Three hosts at a time, killed here and there; bench/kill_sweep.py does every line."""

import pytest

from agent.cli import main
from tests.runbook.sweep import World


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_run_on_three_hosts_survives_a_kill(tmp_path, share):
    """Killed part of the way, a run of twelve steps is taken up and every line is written exactly once."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    whole.mkdir()
    cut.mkdir()
    world = World.made(whole)
    assert main(world.run) == 0
    assert not world.amiss()
    lines = world.lines()
    world = World.made(cut)
    world.killed_at(int(lines * share))
    assert main(world.resume) == 0
    assert not world.amiss()
