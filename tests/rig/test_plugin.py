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
    """Run pytest in a process of its own on a machine without an engine."""
    env = {**os.environ, "DOCKER_HOST": f"unix://{folder}/no.sock", "COLUMNS": "200"}
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


@pytest.mark.parametrize("options", [[], ["-n", "1"]])
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
    assert {"rto_seconds", "rpo_seconds", "evidence"} <= properties.keys()
    assert (tmp_path / "runs/latest/verdict.json").is_file()
