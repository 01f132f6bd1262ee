"""Three hosts at a time, killed here and there; bench/kill_sweep.py does every line."""

import pytest

from agent.cli import main
from tests.runbook.sweep import World


@pytest.mark.parametrize(
    ("case", "shares"), [("twelve", (0.3, 0.7)), ("rescue", (0.4, 0.8)), ("undo", (0.6, 0.75, 0.9))]
)
def test_a_run_on_three_hosts_survives_a_kill(tmp_path, case, shares):
    """Killed part of the way, a run is taken up to the end it would have had, every line written once."""
    (tmp_path / "whole").mkdir()
    world = World.made(tmp_path / "whole", case)
    assert main(world.run) == world.case.code
    assert not world.amiss()
    lines = world.lines()
    for share in shares:
        (tmp_path / str(share)).mkdir()
        world = World.made(tmp_path / str(share), case)
        world.killed_at(int(lines * share))
        assert main(world.resume) == world.case.code, f"killed at line {int(lines * share)}"
        assert not world.amiss()
