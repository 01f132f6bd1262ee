"""The whole schedule of a service: systemd takes its units, cron its lines, each command is one of ours."""

from __future__ import annotations

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from agent.backup.home import at_home
from agent.backup.schedule import mailed
from agent.cli import main
from agent.cli.parser import parse
from agent.inventory import read_inventory
from tests.documents import ROOT

EXAMPLE = str(ROOT / "inventory/example")
WHEN = {
    "hourly": ("*-*-* *:15:00", "15 */1 * * *", ["take", "prune"]),
    "daily": ("*-*-* 03:00:00", "0 3 * * *", ["take", "prune"]),
    "weekly": ("Sun *-*-* 04:00:00", "0 4 * * 0", ["take", "prune"]),
    "ship": ("*:0/5", "*/5 * * * *", ["ship"]),
    "verify": ("Sun *-*-* 05:00:00", "0 5 * * 0", ["verify"]),
    "check": ("*-*-* *:45:00", "45 * * * *", ["check"]),
}


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, str]:
    """What is printed, by file name."""
    assert main(["backup", "schedule", *words, "-i", EXAMPLE]) == 0
    parts = re.split(r"^# (drillyard-\S+)\n", capsys.readouterr().out, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def heard(words: list[str]) -> str:
    """Parse a command line of ours behind the program's name; return its verb."""
    assert words[1] == "backup"
    told = parse(words[1:])
    assert told.what != "verify" or (told.all and told.depth == "restored")
    assert told.limit == ""
    return str(told.what)


def in_turn(words: list[str], verbs: list[str]) -> list[str]:
    """Take away what has one that takes a backup wait for the others that do."""
    if "flock" not in words[0]:
        return words
    assert verbs[0] == "take"
    assert words[1:4] == ["--close", "--wait", "7200"]
    assert words[4].endswith("/drillyard-backup-refserver.lock")
    return words[5:]


def test_the_units_are_the_guides_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Six timers at their moments, each starting what it should; systemd itself finds nothing wrong.

    Copies are sent apart from taking: while 50 GB are on their way, the next hour is taken all the same.
    """
    files = printed(capsys, "refserver")
    assert len(files) == 12
    for kind, (calendar, _, verbs) in WHEN.items():
        timer = configparser.ConfigParser(interpolation=None)
        timer.read_string(files[f"drillyard-backup-refserver-{kind}.timer"])
        assert timer["Timer"]["OnCalendar"] == calendar
        assert timer["Timer"]["Persistent"] == "true"
        lines = re.findall(
            "^(?:ExecStart|ExecStopPost)=(.*)$",
            files[f"drillyard-backup-refserver-{kind}.service"],
            re.MULTILINE,
        )
        # systemd takes each $$ for one dollar sign.
        split = [in_turn(shlex.split(line.replace("$$", "$")), verbs) for line in lines]
        if kind == "hourly":
            assert split[1][:4] == ["/bin/sh", "-c", '[ "$EXIT_STATUS" != 41 ] || exec "$@"', "sh"]
            del split[1][:4]
        assert [heard(words) for words in split] == verbs
    for name, text in files.items():
        (tmp_path / name).write_text(re.sub(r"^(ExecSt\w+=)\S+", r"\1/bin/true", text, flags=re.MULTILINE))
    if shutil.which("systemd-analyze"):
        units = [str(path) for path in sorted(tmp_path.iterdir())]
        done = subprocess.run(
            ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
        )
        assert not [line for line in done.stderr.splitlines() if "drillyard-backup" in line]


def test_the_cron_lines_are_the_same_plan(capsys: pytest.CaptureFixture[str]) -> None:
    """Five fields, a user, and commands that a shell takes apart as ours."""
    files = printed(capsys, "refserver", "--format", "cron")
    for kind, (_, fields, verbs) in WHEN.items():
        line = files[f"drillyard-backup-refserver-{kind}"].strip()
        assert line.startswith(f"{fields} ")
        shell = line.split(" ", 6)[6]
        assert subprocess.run(["sh", "-n", "-c", shell], check=False).returncode == 0
        inside = shell.partition("exit 0; }; ")[2].partition("; } 9>>")[0]
        between = " || [ $? -ne 41 ] || " if kind == "hourly" else "; "
        assert [heard(in_turn(shlex.split(each), verbs)) for each in inside.split(between)] == verbs


def test_one_kind_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """What is named is all that is printed, at the time asked for."""
    assert (
        "OnCalendar=Sun"
        in printed(capsys, "refserver", "--kind", "verify")["drillyard-backup-refserver-verify.timer"]
    )
    often = printed(capsys, "refserver", "--kind", "check", "--every", "30m", "--format", "cron")
    assert [text[:12] for text in often.values()] == ["*/30 * * * *"]
    hourly = printed(capsys, "refserver", "--kind", "hourly", "--every", "30m", "--format", "cron")
    assert [text.partition("root")[0] for text in hourly.values()] == ["*/30 * * * * ", "*/5 * * * * "]
    daily = printed(capsys, "refserver", "--kind", "ship", "--every", "6h", "--format", "cron")
    assert [text.partition("root")[0] for text in daily.values()] == ["15 */6 * * * "]
    assert main(["backup", "schedule", "refserver", "-i", EXAMPLE, "--every", "30m"]) == 64
    assert "--kind hourly" in capsys.readouterr().err


def test_a_spare_is_not_at_home(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither policy nor schedule means ref2 unless it is named; an inventory of spares alone means them."""
    inventory = read_inventory(Path(EXAMPLE))
    assert [host.name for host in at_home(inventory) if "refserver" in host.services] == ["ref1"]
    assert "redis1-dr" not in [host.name for host in at_home(inventory)]
    spare = inventory.hosts["ref2"]
    assert at_home([spare]) == (spare,)
    assert main(["backup", "policy", "refserver", "-i", EXAMPLE]) == 0
    said = capsys.readouterr().out
    assert "ref2" not in said
    assert "daily: every day at 03:00, kept 7 days." in said
    assert main(["backup", "policy", "refserver", "-i", EXAMPLE, "--limit", "ref2"]) == 0
    assert "ref2" in capsys.readouterr().out


def test_an_alarm_is_mailed(tmp_path: Path) -> None:
    """What fails is mailed with what it said, and fails still; what does not fail is no mail."""
    (tmp_path / "mail").write_text(f'#!/bin/sh\nprintf "%s|" "$@" >{tmp_path}/to; cat >{tmp_path}/text\n')
    (tmp_path / "mail").chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    good = mailed(("sh", "-c", "echo fine"), "ops@chat.example", "Backups")
    assert subprocess.run(good, env=env, check=False).returncode == 0
    assert not (tmp_path / "to").exists()
    bad = mailed(("sh", "-c", "echo 'stale: 100% $x'; exit 2"), "ops@chat.example", "Backups of x")
    assert subprocess.run(bad, env=env, check=False).returncode == 2
    assert (tmp_path / "to").read_text() == "-s|Backups of x|ops@chat.example|"
    assert (tmp_path / "text").read_text() == "stale: 100% $x\n"
