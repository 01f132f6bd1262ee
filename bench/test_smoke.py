"""Each benchmark once, as small as it goes: that its command still works, not how fast anything is."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SMALLEST = {
    "agent": "--hosts 1 --rounds 1 --tools drillyard",
    "farm": "--hosts 20",
    "fuzz": "--examples 100",
    "inventory": "",
    "kill_sweep": "--every 20",
    "mongodb_moments": "--moments 4 --blows 2",
    "mongodb_speed": "--sizes 2000 --documents 8000 --rounds 2 --seconds 3",
    "network_sweep": "--every 20",
    "refserver_peers": "--mb 2 --vectors 200 --hours 3",
    "redis_loss": "--keys 5000",
    "redis_memory": "--temp 5000",
    "refserver_kills": "--every 60",
    "refserver_sets": "--sets 3 --moments 5",
    "refserver_stream": "--moments 3",
    "steps": "--rounds 1",
}


def scripts() -> set[str]:
    """The names of the benchmarks: what lies here and can be run."""
    return {path.stem for path in HERE.glob("*.py") if "\nif __name__ ==" in path.read_text()}


def test_each_is_known():
    """A new benchmark says here how small it can be."""
    assert scripts() == {*SMALLEST}


@pytest.mark.nightly
@pytest.mark.parametrize("name", SMALLEST)
def test_it_runs(name):
    """It ends well."""
    argv = [sys.executable, str(HERE / f"{name}.py"), *SMALLEST[name].split()]
    done = subprocess.run(argv, cwd=HERE.parent, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
