"""Every shell completes verbs, options, pages and hosts; a host is never asked, a program never run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.completion import SHELLS, candidates
from agent.cli.parser import command_line
from tests.documents import ROOT

EXAMPLE = str(ROOT / "inventory/example")


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (["ru"], ["runbooks", "run"]),
        (["run", "redis_a"], ["redis_aof"]),
        (["run", "--conf"], ["--confirm"]),
        (
            ["run", "redis_aof", "-i", EXAMPLE, "--limit", "redis"],
            ["redis", "redis_dr", "redis1", "redis2", "redis3", "redis1-dr"],
        ),
        (["run", "redis_aof", "-i", EXAMPLE, "--limit", "redis:!redis3"], ["redis:!redis3"]),
        (["run", "-i", EXAMPLE, "--confirm", "mongo1"], ["mongo1.chat.example"]),
        (["check", "--limit", "redis"], []),
        (["check", "-i", "/nonexistent", "--limit", ""], []),
        (["check", "--lang", ""], ["en", "ko"]),
        (["hosts", "-i", str(ROOT / "inventory/ex")], [f"{EXAMPLE}/"]),
        (["runbooks", "schema", ""], ["pages", "events"]),
        (["backup", "ta"], ["take"]),
        (["backup", "take", "red"], ["redis"]),
        (["completion", ""], ["bash", "zsh", "fish", "words"]),
        (["resume", "", "more"], []),
        (["frobnicate", ""], []),
    ],
)
def test_what_may_stand_there(typed, wanted, monkeypatch):
    """The words that go on from what was typed, and none where there are none."""
    monkeypatch.delenv("DRILLYARD_INVENTORY", raising=False)
    assert candidates(command_line(), typed) == wanted


def test_runs_are_completed(tmp_path):
    """The newest first, behind `latest`."""
    for name in ("20261121-a", "20261122-b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "journal.jsonl").touch()
    found = candidates(command_line(), ["resume", "--runs", str(tmp_path), ""])
    assert found == ["latest", "20261122-b", "20261121-a"]


def test_a_program_is_not_run_for_a_tab(tmp_path):
    """An inventory that is a program is passed over."""
    program = tmp_path / "hosts.sh"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho '{{}}'\n")
    program.chmod(0o755)
    for source in (program, tmp_path):
        assert candidates(command_line(), ["check", "-i", str(source), "--limit", ""]) == []
    assert not (tmp_path / "ran").exists()


def test_no_tab_ends_in_an_error(capsys):
    """Whatever stands on the line, the answer is words or nothing."""
    for typed in (
        [],
        ["--"],
        ["--", ""],
        ["--", "run", "--set", "x=1", "-"],
        ["--", "plan", "--pages", "/no", ""],
    ):
        assert main(["completion", "words", *typed]) == 0
    assert "Traceback" not in capsys.readouterr().err


BASH = """source {script}
COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}
_drillyard drillyard; printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def shell(tmp_path, capsys):
    """A folder with a `drillyard` to be found on the path, and each shell's script."""
    (tmp_path / "drillyard").write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m agent "$@"\n')
    (tmp_path / "drillyard").chmod(0o755)
    for name in SHELLS:
        assert main(["completion", name]) == 0
        (tmp_path / name).write_text(capsys.readouterr().out)
    return tmp_path


def said(folder: Path, *words: str) -> list[str]:
    """The lines a shell printed."""
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("drillyard run redis_a", ["redis_aof"]),
        ("drillyard resume ", None),
        ("drillyard check -i inventory/example --limit redis:!redis3", ["!redis3"]),
    ],
)
def test_bash(shell, line, wanted):
    """The real bash: a new word after a blank, and only the part after a colon, as readline has it."""
    found = said(shell, "bash", "-c", BASH.format(script=shell / "bash", line=line))
    assert wanted is None or found == wanted


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish on this machine")
def test_fish(shell):
    """The real fish, by its own `complete -C`."""
    asked = f"source {shell}/fish; complete -C 'drillyard run redis_a'"
    assert said(shell, "fish", "-c", asked) == ["redis_aof"]


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh on this machine")
def test_zsh(shell):
    """The real zsh reads the script, and the words reach compadd."""
    code = f"compdef() {{ : }}; compadd() {{ print -- $@ }}; source {shell}/zsh"
    code += "; words=(drillyard run redis_a); CURRENT=3; _drillyard"
    assert said(shell, "zsh", "-f", "-c", code) == ["--", "redis_aof"]
