"""systemd: units stopped so that they stay stopped, started so that a start limit does not refuse them.

In the inventory: `supervisor: systemd`, `unit: redis-server` (with or without `.service`).

An environment that `set_env` changed lies in /etc/drillyard/env/UNIT.env, for root alone, and wins over what
the unit says itself; a drop-in names it. A value never becomes a property that `systemctl show` tells to all.
"""

from __future__ import annotations

from agent.errors import NotInTime, StepFailed
from agent.inventory.model import Service
from agent.naming import did_you_mean
from agent.supervisors import LAST, LOOPS, STEADY, Status, Switched, Values, did_not, environment
from agent.transport.ask import Action, Done, Put, Sh, Until

_FACTS = (
    "LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts,Result,StateChangeTimestamp,Type,"
    "ActiveEnterTimestampMonotonic,Id,WantedBy,RequiredBy"
)
# By the age of a process that begins now: in a container of LXC /proc/uptime tells the container's, and
# systemd the host's.
_WITH_TIME = 'systemctl show --property "$1" "$2"; cut -d" " -f22 /proc/self/stat'
_TICKS = 100
# The journal knows units by their own names, and not by an alias (redis for redis-server).
_ID = '"$(systemctl show --property Id "$1" | cut -d= -f2-)"'
_JOURNAL = f'journalctl --unit {_ID} --lines "$2" --quiet --no-pager --output short-iso'
_OWN = f'journalctl _SYSTEMD_UNIT={_ID} --lines "$2" --quiet --no-pager --output short-iso'
# These are active as soon as their process exists; the others say when they are ready.
_READY_AT_ONCE = ("simple", "exec", "idle")
_NO_UNIT = 5
_STATES = {
    "active": "running",
    "reloading": "running",
    "inactive": "stopped",
    "failed": "failed",
    "activating": "starting",
}


def status(service: Service) -> Action[Status]:
    """Ask systemd how the unit is.

    Raises:
        StepFailed: the host has no such unit.
    """
    done: Done = yield _show(service)
    if _facts(done).get("LoadState") in ("not-found", "masked"):
        raise (yield from _not_there(service, _facts(done)["LoadState"]))
    return _read(done)


def start(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Start the unit, whatever its start limit says, and wait until it is active.

    Raises:
        StepFailed: it did not start; the sentence carries the last lines of its journal.
    """
    return (yield from _raise(service, "start", within))


def restart(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Restart the unit and wait until it is active; raises like `start`."""
    return (yield from _raise(service, "restart", within))


def stop(service: Service, *, within: float = 60.0) -> Action[Status]:
    """Stop the unit and wait until no process of it is left; a crash loop ends with it.

    Raises:
        TimedOut, NotInTime: it had not stopped `within` seconds; nothing was killed.
    """
    # Stopping cancels a restart that waits for its RestartSec, too.
    ended: Done = yield Sh(
        *("systemctl", "stop", service.unit),
        sudo=True,
        changes=f"stops {service.unit}",
        again="safe",
        ok=(0, _NO_UNIT),
        timeout=within,
    )
    if ended.rc:
        yield from status(service)
    done: Done = yield Until(
        _show(service),
        lambda done: _read(done).state in ("stopped", "failed") and _read(done).pid == 0,
        f"{service.unit} has stopped",
        within=within,
        supposing=Done(0, b"LoadState=loaded\nActiveState=inactive\nMainPID=0\n"),
    )
    yield _forget_failures(service)
    return _read(done)


def kill(service: Service) -> Action[None]:
    """End every process of the unit at once; where its policy says so systemd starts it anew."""
    yield Sh(
        *("systemctl", "kill", "--signal=KILL", service.unit),
        sudo=True,
        changes=f"ends every process of {service.unit}",
        again="safe",
        ok=(0, 1),
        supposing=Done(0),
    )


def enable(service: Service) -> Action[Status]:
    """Have the unit start with the host; an alias cannot be enabled, and what it is of can."""
    own = _facts((yield _show(service))).get("Id", "")
    yield Sh(
        *("systemctl", "enable", "--quiet", own if own and own != _full(service) else service.unit),
        sudo=True,
        changes=f"enables {service.unit}",
        again="safe",
    )
    return (yield from status(service))


def logs(service: Service, *, lines: int = 100) -> Action[str]:
    """Return the newest lines of the unit's journal."""
    done: Done = yield Sh(_JOURNAL, service.unit, str(lines), script=True, sudo=True, ok=(0, 1))
    return done.text


def set_env(service: Service, values: Values, *, within: float = 60.0) -> Action[Switched]:
    """Set variables of the unit's environment for good, keep the ones of before, and restart it."""
    unit, file = _full(service), _env_file(service)
    # An unknown unit is to be noticed before anything is written for it.
    yield from status(service)
    yield environment.write(file, values, "systemd")
    drop_in = f"/etc/systemd/system/{unit}.d"
    yield Sh("mkdir", "-p", drop_in, sudo=True, changes=f"makes {drop_in}", again="safe")
    # The last of all drop-ins: the file named last wins.
    yield Put(f"{drop_in}/zz-drillyard.conf", f"[Service]\nEnvironmentFile=-{file}\n".encode(), sudo=True)
    return (yield from _switched(service, tuple(values), within))


def restore_env(service: Service, *, within: float = 60.0) -> Action[Switched]:
    """Give the unit the environment it had before the last `set_env`, and restart it."""
    yield environment.put_back(_env_file(service))
    return (yield from _switched(service, (), within))


def _switched(service: Service, names: tuple[str, ...], within: float) -> Action[Switched]:
    yield Sh("systemctl", "daemon-reload", sudo=True, changes="has systemd read its files", again="safe")
    now = yield from restart(service, within=within)
    return Switched(now, names, environment.kept(_env_file(service)))


def _env_file(service: Service) -> str:
    return f"/etc/drillyard/env/{_full(service)}.env"


def _full(service: Service) -> str:
    return service.unit if service.unit.endswith(".service") else f"{service.unit}.service"


def _raise(service: Service, verb: str, within: float) -> Action[Status]:
    yield _forget_failures(service)
    began: Done = yield Sh(
        *("systemctl", verb, service.unit),
        sudo=True,
        changes=f"{verb}s {service.unit}",
        again="safe",
        ok=(0, 1, 3, 4, 5, 6),
        timeout=within,
        supposing=Done(0),
    )
    if began.rc == _NO_UNIT:
        yield from status(service)
    if began.rc:
        raise did_not(service, verb, began.complaint, (yield from _last_words(service)))
    try:
        done: Done = yield Until(
            Sh(_WITH_TIME, _FACTS, service.unit, script=True),
            _settled,
            f"{service.unit} is running",
            within=within,
            supposing=Done(0, b"LoadState=loaded\nActiveState=active\nMainPID=1\n"),
        )
    except NotInTime:
        done = yield _show(service)
    now = _read(done)
    if now.state != "running":
        raise did_not(service, verb, now.detail, (yield from _last_words(service)))
    return now


def _settled(done: Done) -> bool:
    """Tell whether a unit being started has come to where it stays: up, given up, or in a loop."""
    now, facts = _read(done), _facts(done)
    if now.state != "running" or facts.get("Type") not in _READY_AT_ONCE:
        return now.state in ("running", "failed", "stopped") or now.restarts >= LOOPS
    up = float(done.text.splitlines()[-1]) / _TICKS - int(facts["ActiveEnterTimestampMonotonic"]) / 1e6
    return up >= STEADY


def _last_words(service: Service) -> Action[str]:
    """Return the end of what the unit itself wrote, which systemd's words about it would crowd out."""
    done: Done = yield Sh(_OWN, service.unit, str(LAST), script=True, sudo=True, ok=(0, 1))
    return done.text or (yield from logs(service, lines=LAST))


def _forget_failures(service: Service) -> Sh:
    # A unit that was never loaded has nothing to forget and says so with a code.
    return Sh(
        *("systemctl", "reset-failed", service.unit),
        sudo=True,
        ok=(0, 1, 5),
        changes=f"lets {service.unit} be started again after failures",
        again="safe",
        supposing=Done(0),
    )


def _show(service: Service) -> Sh:
    return Sh("systemctl", "show", "--property", _FACTS, service.unit)


def _not_there(service: Service, found: str) -> Action[StepFailed]:
    listed: Done = yield Sh(
        "systemctl", "list-unit-files", "--type", "service", "--no-legend", "--no-pager", ok=(0, 1)
    )
    units = [line.split()[0].removesuffix(".service") for line in listed.text.splitlines()]
    return StepFailed(
        f"{service.at}: expected {service.host} to have {service.unit}, found it {found}."
        + did_you_mean(service.unit, units),
        do="Correct `unit` in the inventory; `systemctl list-units` on the host shows what there is.",
    )


def _read(done: Done) -> Status:
    facts = _facts(done)
    state = facts.get("ActiveState", "")
    words = [facts.get("ActiveState", ""), facts.get("SubState", "")]
    words += [f"result {facts['Result']}"] if facts.get("Result") not in (None, "", "success") else []
    since = facts.get("StateChangeTimestamp", "")
    words += [f"since {since}"] if since else []
    return Status(
        state="starting" if facts.get("SubState") == "auto-restart" else _STATES.get(state, "unknown"),
        enabled=_starts_with_host(facts),
        pid=int(facts.get("MainPID") or 0),
        restarts=int(facts.get("NRestarts") or 0),
        detail=", ".join(word for word in words if word),
        since=since,
    )


def _starts_with_host(facts: dict[str, str]) -> bool:
    if facts.get("UnitFileState") == "generated":
        # Of an init script, or a Quadlet of Podman: nothing is enabled there, it is wanted or it is not.
        return bool(facts.get("WantedBy") or facts.get("RequiredBy"))
    return facts.get("UnitFileState") in ("enabled", "enabled-runtime", "static", "alias", "linked")


def _facts(done: Done) -> dict[str, str]:
    return dict(line.split("=", 1) for line in done.text.splitlines() if "=" in line)
