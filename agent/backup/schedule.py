"""Backups that take themselves: systemd timers and cron lines, written out, and put in their place."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from agent.errors import Usage
from agent.transport.ask import Action, Put, Sh

WHEN = {
    "hourly": "1h",
    "daily": "daily 03:00",
    "weekly": "Sun 04:00",
    # Often: what waits to be sent is lost with the host.
    "ship": "5m",
    # Behind the weekly backup, so that it is among what is proved.
    "verify": "Sun 05:00",
}
"""When each kind of backup is taken, copies are sent and all are verified, unless somebody says otherwise."""
_STATE = ".local/state/drillyard"
_WAIT = ("--close", "--wait", "7200")
_MINUTES = {5: "*:0/5", 10: "*:0/10", 15: "*:0/15", 20: "*:0/20", 30: "*:0/30"}
_HOURS = (1, 2, 3, 4, 6, 8, 12)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Every:
    """How often: systemd's OnCalendar and cron's five fields for the same moments."""

    calendar: str
    cron: str


@dataclass(frozen=True)
class Job:
    """What is to be done by itself and how often; it is not begun while the one before is still at work.

    What `then` says is done behind it, whatever became of it: a disk that is too full for a backup is what
    pruning helps. With `only_after` it is done where the first ended with that exit code alone.

    Jobs of the same `turn` wait for one another ("" = it waits for none), up to two hours: daily and hourly
    ones meet where one takes longer than a quarter of an hour, and all of them where the machine was off.

    `name` is that of the units, `user` runs them, `folder` is where they run. `env` are variables that the
    commands need; what is secret does not belong there, as everybody may read a unit.
    """

    name: str
    title: str
    command: tuple[str, ...]
    every: Every
    user: str
    folder: str
    then: tuple[str, ...] = ()
    only_after: int | None = None
    turn: str = ""
    env: tuple[tuple[str, str], ...] = ()


CHECKS = Every("*-*-* *:45:00", "45 * * * *")
"""When backups are looked at: each hour, well behind the hourly one."""


def every(text: str) -> Every:
    """Return what `5m`, `1h`, `6h`, `daily 03:00` or `Sun 04:00` mean (the machine's own time).

    Raises:
        Usage: it is none of those, or does not divide an hour or a day evenly.
    """
    found = re.fullmatch(r"(\d{1,3})\s*(m|min|h)", text.strip())
    if found:
        count, unit = int(found[1]), found[2]
        if unit != "h" and count in _MINUTES:
            return Every(_MINUTES[count], f"*/{count} * * * *")
        if unit == "h" and count in _HOURS:
            # A quarter past: on the hour everybody else's jobs begin.
            return Every(f"*-*-* {'*' if count == 1 else f'0/{count}'}:15:00", f"15 */{count} * * *")
    found = re.fullmatch(r"(daily|[A-Z][a-z]{2}) ([01]\d|2[0-3]):([0-5]\d)", text.strip())
    if found and found[1] in ("daily", *_DAYS):
        day = "*" if found[1] == "daily" else str((_DAYS.index(found[1]) + 1) % 7)
        weekday = "" if found[1] == "daily" else f"{found[1]} "
        return Every(f"{weekday}*-*-* {found[2]}:{found[3]}:00", f"{int(found[3])} {int(found[2])} * * {day}")
    raise Usage(
        f"Expected how often as {', '.join(f'{each}m' for each in _MINUTES)}, "
        f"{', '.join(f'{each}h' for each in _HOURS)}, `daily 03:00` or `Sun 04:00`, found {text!r}."
    )


def mailed(command: tuple[str, ...], address: str, subject: str) -> tuple[str, ...]:
    """Return a command that mails what another one says, where that fails, and fails with its code."""
    script = (
        'said=$("$@" 2>&1) || { code=$?; printf "%s\\n" "$said" | mail -s "$0" "$MAIL_TO"; exit "$code"; }'
    )
    return ("env", f"MAIL_TO={address}", "sh", "-c", script, subject, *command)


def units(job: Job) -> dict[str, str]:
    """Return the text of a systemd service and its timer, by file name."""
    lines = [
        "[Unit]",
        f"Description={job.title}",
        "Wants=network-online.target",
        "After=network-online.target",
        "",
        "[Service]",
        "Type=oneshot",
        f"User={job.user}",
        f"WorkingDirectory={job.folder}",
        # There a dollar is no more than a dollar.
        *(f"Environment={_quoted(f'{name}={value}').replace('$$', '$')}" for name, value in job.env),
        *_in_turn(job),
        *_behind(job),
        "TimeoutStopSec=infinity",
        "Nice=10",
        "IOSchedulingClass=idle",
        "",
    ]
    timer = [
        "[Unit]",
        f"Description={job.title}",
        "",
        "[Timer]",
        f"OnCalendar={job.every.calendar}",
        "RandomizedDelaySec=30",
        # A machine that was off at the time makes up for it when it is on again.
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
        "",
    ]
    return {f"{job.name}.service": "\n".join(lines), f"{job.name}.timer": "\n".join(timer)}


def _in_turn(job: Job) -> list[str]:
    if not job.turn:
        return [f"ExecStart={' '.join(map(_quoted, job.command))}"]
    state = Path("~").expanduser() / _STATE
    words = ("/usr/bin/flock", *_WAIT, str(state / f"{job.turn}.lock"), *job.command)
    return [
        f"ExecStartPre=/bin/mkdir -p {_quoted(str(state))}",
        f"ExecStart={' '.join(map(_quoted, words))}",
    ]


def _behind(job: Job) -> list[str]:
    """Return what systemd does where the first has failed, too; the unit has failed all the same.

    It is one line at most: of several, systemd does none behind one that fails.
    """
    if not job.then:
        return []
    words = job.then
    if job.only_after is not None:
        words = ("/bin/sh", "-c", f'[ "$EXIT_STATUS" != {job.only_after} ] || exec "$@"', "sh", *words)
    return [f"ExecStopPost={' '.join(map(_quoted, words))}"]


def cron_line(job: Job) -> str:
    """Return the line for /etc/cron.d (with its user); what it says goes to the system's log.

    Unlike systemd, cron begins the next one whatever is still at work: a lock keeps it from that.
    """
    commands = shlex.join(job.command)
    if job.turn:
        commands = f"flock {' '.join(_WAIT)} {_lock(job.turn)} {commands}"
    if job.then:
        only = "" if job.only_after is None else f" || [ $? -ne {job.only_after} ] ||"
        commands += f"{only or ';'} {shlex.join(job.then)}"
    env = "".join(f"{name}={shlex.quote(value)} " for name, value in job.env)
    alone = 'flock -n 9 || { echo "not begun: the one before is still at work"; exit 0; }'
    group = f"{{ {alone}; {commands}; }} 9>>{_lock(job.name)}"
    line = f"cd {shlex.quote(job.folder)} && {env and f'export {env}&& '}{group}"
    logged = f'{{ mkdir -p "$HOME/{_STATE}"; {line}; }} 2>&1 | logger -t {shlex.quote(job.name)}'
    # An unquoted % ends a command in a crontab.
    return f"{job.every.cron} {job.user} {logged.replace('%', chr(92) + '%')}"


def _lock(name: str) -> str:
    return f'"$HOME/{_STATE}"/{shlex.quote(f"{name}.lock")}'


def files(job: Job, form: str) -> dict[str, str]:
    """Return the files of a job by name: `systemd` units, or `cron`'s one."""
    return units(job) if form == "systemd" else {job.name: cron_line(job) + "\n"}


def install(job: Job, form: str, *, as_root: bool) -> Action[None]:
    """Put a job in its place on the machine the road leads to, and switch its timer on.

    As root it is the machine's own; else, with systemd, the user's: it then runs while they are logged in, or
    always where `loginctl enable-linger` was said.

    Raises:
        Usage: a cron line of one's own is put by `crontab -e`, not by us.
        StepFailed: systemd did not take it.
    """
    if form == "cron":
        if not as_root:
            raise Usage(
                "Expected to be root to write to /etc/cron.d.",
                do="Put the printed line into `crontab -e`, without the user in its sixth field.",
            )
        yield Put(f"/etc/cron.d/{job.name}", f"{cron_line(job)}\n".encode(), mode=0o644)
        return
    folder = "/etc/systemd/system" if as_root else _of_user()
    systemctl = ("systemctl",) if as_root else ("systemctl", "--user")
    yield Sh("mkdir", "-p", folder, changes=f"makes {folder}", again="safe")
    for name, text in units(job).items():
        lines = text.splitlines(keepends=True)
        # A user's own manager runs everything as that user, and refuses to be told so.
        kept = lines if as_root else [line for line in lines if not line.startswith("User=")]
        yield Put(f"{folder}/{name}", "".join(kept).encode(), mode=0o644)
    yield Sh(*systemctl, "daemon-reload", changes="has systemd read its units", again="safe")
    timer = f"{job.name}.timer"
    yield Sh(*systemctl, "enable", "--now", timer, changes=f"switches {timer} on", again="safe")


def _of_user() -> str:
    return str(Path("~").expanduser() / ".config/systemd/user")


def _quoted(word: str) -> str:
    """Return a word as systemd reads it: quoted, its own signs doubled or escaped."""
    plain = re.fullmatch(r"[A-Za-z0-9_@:=+./,-]+", word)
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return word if plain else f'"{safe}"'
