"""pytest's own options work on drills, a bare pytest starts none, and no engine is red, never skipped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[2]


def _pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a process of its own on a machine without an engine.

    Of the plugins that are installed it loads those that are named: the rest takes most of its time.
    """
    alone = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "COLUMNS": "200"}
    env = {**os.environ, "DOCKER_HOST": f"unix://{folder}/no.sock", **alone}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *words, "--runs", str(folder / "runs"), "-p", "no:cacheprovider"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bare_pytest_collects_no_drill() -> None:
    """Only tests/ is collected unless drills/ is named: a disaster is never started by accident."""
    config = (ROOT / "pyproject.toml").read_text()
    assert 'testpaths = ["tests"]' in config


def test_drills_are_collected_without_an_engine(tmp_path: Path) -> None:
    """`--collect-only` lists every drill, and `-k` picks one kind of damage."""
    done = _pytest(tmp_path, "drills/", "-k", "redis_aof and tail_cut", "--collect-only", "-q")
    assert done.returncode == 0, done.stdout
    assert "test_redis_aof[tail_cut]" in done.stdout
    assert not (tmp_path / "runs").exists()


SHORT_AND_LONG = """
import pytest

def test_short(): pass

@pytest.mark.nightly
def test_long(): pass
"""


@pytest.mark.parametrize(
    ("options", "run"),
    [
        ([], ["short"]),
        (["--nightly"], ["short", "long"]),
        (["-m", "nightly"], ["long"]),
        (["-m", "not nightly"], ["short"]),
        (["-k", "long"], ["long"]),
        (["-k", "both and not short"], ["long"]),
        (["-k", "test"], ["short", "long"]),
        (["-k", ""], ["short"]),
    ],
)
def test_long_drills_are_for_the_night(tmp_path: Path, options: list[str], run: list[str]) -> None:
    """What is marked nightly is left out, and said to be, unless it is asked for."""
    (tmp_path / "test_both.py").write_text(SHORT_AND_LONG)
    plugin = ["-p", "drills.rig.plugin", "--strict-markers", "-v"]
    done = _pytest(tmp_path, str(tmp_path / "test_both.py"), *plugin, *options)
    assert done.returncode == 0, done.stdout
    assert [name for name in ("short", "long") if f"test_{name} PASSED" in done.stdout] == run
    assert ("1 deselected" in done.stdout) == (len(run) == 1)


@pytest.mark.parametrize("options", [[], ["-p", "xdist.plugin", "-n", "1"]])
def test_no_engine_is_red_with_the_reason(tmp_path: Path, options: list[str]) -> None:
    """Without an engine a drill fails as could-not-verify; figures and reason stand in pytest's report."""
    report = tmp_path / "report.xml"
    words = ["drills/test_redis_aof.py", "-k", "tail_cut", "--junitxml", str(report), *options]
    done = _pytest(tmp_path, *words)
    assert done.returncode == 1, done.stdout
    assert "could not verify: " in done.stdout
    assert "container engine" in done.stdout
    assert "COULD NOT VERIFY  redis_aof-tail_cut" in done.stdout
    assert "1 failed" in done.stdout
    assert "skipped" not in done.stdout
    tree = ElementTree.parse(report)
    properties = {each.get("name"): each.get("value") for each in tree.iter("property")}
    assert properties["verdict"] == "unverified"
    assert {"rto_seconds", "rpo_seconds", "evidence", "simulated"} <= properties.keys()
    assert (tmp_path / "runs/latest/verdict.json").is_file()
