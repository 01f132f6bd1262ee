"""The guide's scripts are a thin face: each of its command lines is the right one of drillyard."""

from __future__ import annotations

import os
import re
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest

from agent.cli import main, runs
from agent.cli.parser import parse

ROOT = Path(__file__).parents[1]
RESTORE, WHY = ["backup", "restore", "refserver"], ["--reason", "disaster_recovery.sh"]


def told(tmp_path: Path, script: str, *words: str, lang: str = "C") -> tuple[int, list[str], str]:
    """Exit code, the words that drillyard was called with, and what was said."""
    (tmp_path / "scripts").mkdir(exist_ok=True)
    copy = tmp_path / "scripts" / script
    copy.write_bytes((ROOT / "scripts" / script).read_bytes())
    stand_in = tmp_path / "drillyard"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$@" >"$TOLD"\nexit 13\n')
    stand_in.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TOLD": str(tmp_path / "told"), "LC_ALL": lang}
    done = subprocess.run(["sh", copy, *words], capture_output=True, text=True, check=False, env=env)
    path = tmp_path / "told"
    return done.returncode, path.read_text().splitlines() if path.exists() else [], done.stdout + done.stderr


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (["--check"], ["check"]),
        (["--list"], ["backup", "list", "refserver"]),
        (["--list", "--date", "2025-01-19"], ["backup", "list", "refserver", "--date", "2025-01-19"]),
        (["--restore-latest"], [*RESTORE, "--latest", *WHY]),
        (
            ["--restore", "--backup-id", "unified_20250120_030000"],
            [*RESTORE, "--id", "unified_20250120_030000", *WHY],
        ),
        (
            ["--unified", "--backup-id", "unified_20250120_030000"],
            [*RESTORE, "--id", "unified_20250120_030000", *WHY],
        ),
        (
            ["--restore", "--point-in-time", "2025-01-19 14:00:00"],
            [*RESTORE, "--at", "2025-01-19 14:00:00", *WHY],
        ),
        (["--auto-recover", "--", "--yes", "--limit", "ref1"], ["auto-recover", "--yes", "--limit", "ref1"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_each_line_of_the_guide(tmp_path: Path, line: list[str], wanted: list[str]) -> None:
    """Every flag of the guide becomes a command line that drillyard takes, and its exit code comes back."""
    code, words, _ = told(tmp_path, "disaster_recovery.sh", *line)
    assert (code, words) == (13, wanted)
    parse(words)


@pytest.mark.parametrize(
    ("line", "page"),
    [
        (["--restore-latest"], "unified_restore"),
        (["--restore", "--backup-id", "unified_x"], "unified_restore"),
        (["--restore", "--point-in-time", "2025-01-19 14:00:00"], "point_in_time"),
    ],
)
def test_a_spare_that_waits_is_not_meant(
    tmp_path: Path, line: list[str], page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guide names no host: it is the one at home, or two would serve."""
    seen: list[Namespace] = []
    monkeypatch.setattr(runs, "run", lambda command: seen.append(command) or 0)
    _, words, _ = told(tmp_path, "disaster_recovery.sh", *line, "--", "-i", str(ROOT / "inventory/example"))
    assert main(words) == 0
    assert [(each.page, each.limit) for each in seen] == [(page, "ref1")]


@pytest.mark.parametrize(
    "line",
    [
        [],
        ["--restore"],
        ["--restore", "--backup-id"],
        ["--nonsense"],
        ["--check", "--restore-latest"],
        ["--restore", "--backup-id", "a", "--point-in-time", "b"],
        ["--check", "--date", "2025-01-19"],
        ["--restore-latest", "--backup-id", "a"],
        ["--restore-latest", "--point-in-time", "2025-01-19 14:00:00"],
        ["--auto-recover", "--backup-id", "a"],
    ],
)
def test_what_makes_no_sense_does_nothing(tmp_path: Path, line: list[str]) -> None:
    """64, and drillyard is not called."""
    code, words, _ = told(tmp_path, "disaster_recovery.sh", *line)
    assert (code, words) == (64, [])


def test_help_speaks_both_languages(tmp_path: Path) -> None:
    """Every flag and every exit code in each."""
    english = told(tmp_path, "disaster_recovery.sh", "--help")[2]
    korean = told(tmp_path, "disaster_recovery.sh", "--help", lang="ko_KR.UTF-8")[2]
    assert "사용법" in korean
    assert "usage" in english
    for text in (english, korean):
        for word in ("--check", "--list", "--restore-latest", "--backup-id", "--point-in-time", "--unified"):
            assert word in text
    ends = ((english, "0 done"), (korean, "0 성공"))
    codes = [set(re.findall(r"\b\d\d?\b", text.split(begins)[1])) for text, begins in ends]
    assert codes[0] == codes[1]


def test_the_check_for_cron(tmp_path: Path) -> None:
    """`|| mail` hears of everything but order."""
    code, words, _ = told(tmp_path, "check_backups.sh", "--limit", "ref1")
    assert (code, words) == (13, ["backup", "check", "refserver", "--limit", "ref1"])
    parse(words)
