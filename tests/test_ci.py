"""What CI makes of a test that fails: tried again alone, named, and never more than a few."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]
FAKE = """#!/bin/sh
echo "$0 $*" >> {told}
exit {code}
"""


def run(top: Path, *, make: int, failed: int, again: int = 0, drill: int = 0) -> tuple[int, str, str]:
    """Run it where `make check` ends with `make` and left `failed` tests, and they end with `again` alone.

    Returns its exit code, what it printed and which programs it called.
    """
    for folder in (".ci", "bin", ".venv/bin"):
        (top / folder).mkdir(parents=True)
    shutil.copy(HOME / ".ci/run", top / ".ci/run")
    cache, told = top / ".pytest_cache/v/cache", top / "told"
    left = json.dumps({f"tests/test_x.py::test_{number}[a-b]": True for number in range(failed)}, indent=2)
    leaves = f"mkdir -p {cache} && cat > {cache}/lastfailed <<'END'\n{left}\nEND\n" if failed else ""
    check = f'if [ "$1" = check ]; then {leaves} exit {make}; fi\n'
    (top / "bin/make").write_text(FAKE.format(told=told, code=drill).replace("exit", f"{check}exit"))
    (top / ".venv/bin/pytest").write_text(FAKE.format(told=told, code=again))
    for program in (top / "bin/make", top / ".venv/bin/pytest"):
        program.chmod(0o755)
    path = f"{top / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        [top / ".ci/run"], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, told.read_text()


@pytest.mark.parametrize(("make", "drill", "code"), [(0, 0, 0), (0, 2, 1), (2, 0, 1), (124, 0, 1)])
def test_either_fails_it(tmp_path: Path, make: int, drill: int, code: int) -> None:
    """A linter's complaint leaves no test to try again, nor does time that ran out; the drills run anyway."""
    ended, printed, called = run(tmp_path, make=make, drill=drill, failed=0)
    assert ended == code
    assert f"make check ended with code {make}, make drill with code {drill}." in printed
    assert "drill K=" in called
    assert "--last-failed" not in called


def test_one_that_passes_alone_is_named(tmp_path: Path) -> None:
    """It is a race, and somebody has to look for it; it does not hold everybody up."""
    ended, printed, called = run(tmp_path, make=2, failed=2, again=0)
    assert ended == 0
    assert "UNSTEADY" in printed
    assert "tests/test_x.py::test_1[a-b]" in printed
    assert "pytest --last-failed -n 0" in called


@pytest.mark.parametrize(("failed", "again"), [(1, 1), (4, 0)])
def test_what_fails_again_fails_it_and_so_do_many(tmp_path: Path, failed: int, again: int) -> None:
    """More than three are no chance, and are not tried again."""
    ended, printed, called = run(tmp_path, make=2, failed=failed, again=again)
    assert ended == 1
    assert "UNSTEADY" not in printed
    assert ("--last-failed" in called) == (failed <= 3)
