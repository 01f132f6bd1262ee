"""The documents tried on a real stack: every command they show of the agent, and the recipes of a drill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.rig.stack import Stack, named
from drills.subjects.redis_night import redis_night
from tests.cluster import running_cluster
from tests.documents import DOCUMENTS, commands, recipes

ROOT = Path(__file__).parents[1]
# What a reader has and a fresh stack has not: an unfinished run, a service seen as production.
OUTCOMES = {"resume": (0, 22, 50), "check": (0, 1), "verify": (0,)}


# These speak of servers that this stack has not; tests/test_documents.py holds their commands against the
# program.
ELSEWHERE = {
    "admin_api.md",
    "api.md",
    "atlas.md",
    "mongodb.md",
    "mongodb_capture.md",
    "refserver.md",
    "refserver_backups.md",
    "refserver_playbook.md",
    "region_switch.md",
    "switching.md",
}


def _shown() -> list[list[str]]:
    here = [path for path in DOCUMENTS if path.name not in ELSEWHERE]
    found = [words[1:] for path in here for words in commands(path) if words[0] == "drillyard"]
    return [list(words) for words in dict.fromkeys(map(tuple, found))]


def test_redis_documents(tmp_path: Path) -> None:
    """Each command of README and docs does what it says, on a stack in the place of production."""
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "redis_snapshot.yml").write_text(recipes()["pages/redis_snapshot.yml"])
    (tmp_path / "inventory").symlink_to(ROOT / "inventory")
    whole = Stack(named("chat"), tmp_path / "run", services=("redis1",))
    with whole as stack, running_cluster() as workers:
        engine = "dask://" + workers.scheduler_address.partition("://")[2]
        everywhere = tmp_path / "prod" / "group_vars" / "all"
        everywhere.mkdir(parents=True)
        (everywhere / "rehearsals.yml").symlink_to(ROOT / "inventory/example/group_vars/all/rehearsals.yml")
        (tmp_path / "prod" / "hosts.yml").symlink_to(stack.inventory)
        # A backup first, so that there is one to list and to verify.
        first = ["backup", "take", "redis", "-i", "prod"]
        for shown in [first, *_shown()]:
            words = [engine if word.startswith("dask://") else word for word in shown]
            done = subprocess.run(
                [sys.executable, "-m", "agent", *words],
                cwd=tmp_path,
                env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
                capture_output=True,
                text=True,
                check=False,
            )
            fine = next((codes for word, codes in OUTCOMES.items() if word in words), (0,))
            assert done.returncode in fine, f"drillyard {' '.join(words)}: {done.stdout}{done.stderr}"


@pytest.mark.nightly
def test_redis_masked_recipe(night: Night, tmp_path: Path) -> None:
    """The fault of docs/adding.md strikes and heals; our page does not unmask, and the drill says so."""
    (tmp_path / "unit_masked.py").write_text(recipes()["drills/faults/unit_masked.py"])
    harm = fault("unit_masked", folders=[tmp_path])
    result = night.live(redis_night(variant="masked", harm=harm, rpo=0))
    assert result.verdict.word == "fail"
    compile(recipes()["drills/test_NAME.py"], "recipe", "exec")
