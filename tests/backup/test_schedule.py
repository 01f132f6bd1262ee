"""Timers and cron lines say the same moments, and systemd understands them."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from agent.backup.schedule import Every, Job, cron_line, every, install, units
from agent.cli import main
from agent.errors import Usage
from agent.transport.fake import FakeRoad
from agent.transport.perform import perform

JOB = Job(
    name="drillyard-backup-redis",
    title="Backups of redis",
    command=("/opt/d y/drillyard", "backup", "take", "redis", "-i", "50% $off"),
    then=("/bin/true",),
    every=every("15m"),
    user="root",
    folder="/srv/drill yard",
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5m", Every("*:0/5", "*/5 * * * *")),
        ("30 min", Every("*:0/30", "*/30 * * * *")),
        ("1h", Every("*-*-* *:15:00", "15 */1 * * *")),
        ("6h", Every("*-*-* 0/6:15:00", "15 */6 * * *")),
        ("daily 03:00", Every("*-*-* 03:00:00", "0 3 * * *")),
        ("Sun 04:05", Every("Sun *-*-* 04:05:00", "5 4 * * 0")),
        ("Mon 23:59", Every("Mon *-*-* 23:59:00", "59 23 * * 1")),
    ],
)
def test_both_say_the_same_moments(text: str, expected: Every) -> None:
    """What a person writes, as systemd and as cron."""
    assert every(text) == expected
    if shutil.which("systemd-analyze"):
        subprocess.run(["systemd-analyze", "calendar", expected.calendar], check=True, capture_output=True)


@pytest.mark.parametrize("text", ["", "7m", "5h", "0m", "daily 24:00", "Someday 03:00", "03:00", "60m"])
def test_what_does_not_divide_evenly_is_refused(text: str) -> None:
    """A cron field cannot say it, so nobody is told it could."""
    with pytest.raises(Usage, match="how often"):
        every(text)


def test_units_are_what_systemd_accepts(tmp_path: Path) -> None:
    """Words with blanks, percent and dollar signs arrive as they are."""
    for name, text in units(JOB).items():
        (tmp_path / name).write_text(text.replace("/opt/d y/drillyard", "/bin/true"))
    service = (tmp_path / "drillyard-backup-redis.service").read_text()
    assert 'ExecStart="/bin/true" backup take redis -i "50%% $$off"\nExecStopPost=/bin/true\n' in service
    assert '"/opt/d y/drillyard" backup' in units(JOB)["drillyard-backup-redis.service"]
    if shutil.which("systemd-analyze"):
        files = [str(path) for path in sorted(tmp_path.iterdir())]
        done = subprocess.run(
            ["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False
        )
        assert not [line for line in done.stderr.splitlines() if "drillyard-backup-redis" in line]


def test_a_dollar_is_doubled_where_systemd_would_look_for_a_variable() -> None:
    """In a command it would, in a variable's own value it does not."""
    job = Job("x", "t", ("/bin/echo", "a$b$$"), every("1h"), "root", "/", env=(("A", "p$q$$ 100%"),))
    text = units(job)["x.service"]
    assert 'ExecStart=/bin/echo "a$$b$$$$"' in text
    assert 'Environment="A=p$q$$ 100%%"' in text


def test_a_cron_line_runs_as_it_stands(tmp_path: Path) -> None:
    """cron turns \\% into % and hands the rest to a shell: done here by hand, failures and all."""
    seen = tmp_path / "seen"
    logger = tmp_path / "logger"
    logger.write_text(f'#!/bin/sh\ncat >"{tmp_path}/log"\n')
    logger.chmod(0o755)
    first = ("sh", "-c", "echo no >&2; exit 3")
    then = ("sh", "-c", f'printf "%s" "$1" >"{seen}"', "sh", "50% $off")
    job = Job("x", "t", first, every("5m"), "root", str(tmp_path), then, env=(("A", "b c"),))
    assert cron_line(job).split(" ", 6)[:6] == ["*/5", "*", "*", "*", "*", "root"]
    run(job, tmp_path)
    assert seen.read_text() == "50% $off"
    assert (tmp_path / "log").read_text() == "no\n"
    seen.unlink()
    run(replace(job, only_after=41), tmp_path)
    assert not seen.exists()
    run(replace(job, only_after=3), tmp_path)
    assert seen.exists()


def run(job: Job, folder: Path) -> None:
    """Have a shell do what cron would."""
    line = cron_line(job).split(" ", 6)[6].replace("\\%", "%")
    env = {"PATH": f"{folder}:/usr/bin:/bin", "HOME": str(folder)}
    subprocess.run(["sh", "-c", line], env=env, check=True)


@pytest.mark.parametrize("form", ["cron", "systemd"])
def test_one_that_takes_waits_for_the_others_that_do(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine was off on Sunday: hourly, daily and weekly begin at once, and none is turned away."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "logger").write_text("#!/bin/sh\ncat\n")
    (tmp_path / "logger").chmod(0o755)
    seen = tmp_path / "seen"
    work = f"[ ! -e {tmp_path}/busy ] && touch {tmp_path}/busy && echo one >>{seen} && rm {tmp_path}/busy"
    job = Job("hourly", "t", ("sh", "-c", work), every("1h"), "root", str(tmp_path), turn="takes")
    if form == "cron":
        line = cron_line(job).split(" ", 6)[6].replace("\\%", "%")
    else:
        text = units(job)["hourly.service"]
        line = "; ".join(re.findall("^ExecStart(?:Pre)?=(.*)$", text, re.MULTILINE)).replace("$$", "$")
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "HOME": str(tmp_path)}
    state = tmp_path / ".local/state/drillyard"
    state.mkdir(parents=True)
    with (state / "takes.lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with subprocess.Popen(["sh", "-c", line], env=env) as begun:
            with pytest.raises(subprocess.TimeoutExpired):
                begun.wait(2)
            assert not seen.exists()
            fcntl.flock(held, fcntl.LOCK_UN)
    assert seen.read_text() == "one\n"


def test_cron_begins_none_while_one_is_at_work(tmp_path: Path) -> None:
    """As systemd does not: a copy of hours is not sent a second time beside itself, and the log says so."""
    (tmp_path / "logger").write_text(f'#!/bin/sh\ncat >>"{tmp_path}/log"\n')
    (tmp_path / "logger").chmod(0o755)
    job = Job("a b", "t", ("sh", "-c", f"echo done >>{tmp_path}/seen"), every("5m"), "root", str(tmp_path))
    run(job, tmp_path)
    (lock,) = tmp_path.glob(".local/state/drillyard/*.lock")
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        run(job, tmp_path)
        assert (tmp_path / "seen").read_text() == "done\n"
        assert "still at work" in (tmp_path / "log").read_text()
    run(job, tmp_path)
    assert (tmp_path / "seen").read_text() == "done\ndone\n"


def test_installed_as_root_and_not() -> None:
    """Units, then a reload, then the timer; a user's units say no user; cron's folder is root's."""
    road = FakeRoad({"mkdir *": 0, "systemctl *": 0})
    perform(install(JOB, "systemd", as_root=True), road)
    assert sorted(road.files) == [
        "/etc/systemd/system/drillyard-backup-redis.service",
        "/etc/systemd/system/drillyard-backup-redis.timer",
    ]
    assert road.commands[-2:] == [
        "systemctl daemon-reload",
        "systemctl enable --now drillyard-backup-redis.timer",
    ]
    mine = FakeRoad({"mkdir *": 0, "systemctl --user *": 0})
    perform(install(JOB, "systemd", as_root=False), mine)
    assert not [text for text in mine.files.values() if b"User=" in text]
    cron = FakeRoad()
    perform(install(JOB, "cron", as_root=True), cron)
    assert list(cron.files) == ["/etc/cron.d/drillyard-backup-redis"]
    with pytest.raises(Usage, match="root"):
        perform(install(JOB, "cron", as_root=False), FakeRoad())


def test_the_command_prints_what_it_would_install(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """take, prune and ship as the inventory says, then the weekly proof and the alarm; nothing is written."""
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(
        "all:\n  hosts:\n    r1:\n      serves:\n        redis:\n          supervisor: systemd\n"
        "          unit: redis-server\n          ship_to: [/mnt/far]\n          keep: {last: 3}\n"
    )
    assert main(["backup", "schedule", "redis", "-i", str(hosts), "--every", "5m"]) == 0
    said = capsys.readouterr().out
    verbs = [line.split(" backup ")[1].split()[0] for line in said.splitlines() if line.startswith("ExecSt")]
    assert verbs == ["take", "prune", "ship", "verify", "check"]
    assert "OnCalendar=*:0/5" in said
    assert main(["backup", "schedule", "redis", "-i", str(hosts), "--format", "cron", "--kind", "aof"]) == 0
    assert "take redis --kind aof" in capsys.readouterr().out
