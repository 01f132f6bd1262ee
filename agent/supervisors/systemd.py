"""systemd: units stopped so that they stay stopped, started so that a start limit does not refuse them."""

from __future__ import annotations

from agent.errors import StepFailed
from agent.inventory.model import Service
from agent.supervisors import Status
from agent.transport.ask import Action, Done, Sh, Until

_FACTS = "LoadState,ActiveState,SubState,UnitFileState,MainPID,NRestarts,Result,StateChangeTimestamp"
_STATES = {
    "active": "running",
    "reloading": "running",
    "inactive": "stopped",
    "failed": "failed",
    "activating": "starting",
}
_LAST = 5


def status(service: Service) -> Action[Status]:
    """Ask systemd how the unit is.

    Raises:
        StepFailed: the host has no such unit.
    """
    done: Done = yield _show(service)
    return _read(service, done)


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
    yield Sh(
        *("systemctl", "stop", service.unit),
        sudo=True,
        changes=f"stops {service.unit}",
        again="safe",
        timeout=within,
    )
    done: Done = yield Until(
        _show(service),
        lambda done: _read(service, done).state in ("stopped", "failed") and _read(service, done).pid == 0,
        f"{service.unit} has stopped",
        within=within,
        supposing=Done(0, b"LoadState=loaded\nActiveState=inactive\nMainPID=0\n"),
    )
    yield _forget_failures(service)
    return _read(service, done)


def enable(service: Service) -> Action[Status]:
    """Have the unit start with the host."""
    yield Sh(
        *("systemctl", "enable", "--quiet", service.unit),
        sudo=True,
        changes=f"enables {service.unit}",
        again="safe",
    )
    return (yield from status(service))


def logs(service: Service, *, lines: int = 100) -> Action[str]:
    """Return the newest lines of the unit's journal."""
    done: Done = yield Sh(
        *("journalctl", "--unit", service.unit, "--lines", str(lines), "--no-pager", "--output", "short-iso"),
        sudo=True,
        ok=(0, 1),
    )
    return done.text


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
    if began.rc:
        raise (yield from _did_not(service, verb, began.complaint))
    done: Done = yield Until(
        _show(service),
        lambda done: _read(service, done).state in ("running", "failed", "stopped"),
        f"{service.unit} is running",
        within=within,
        supposing=Done(0, b"LoadState=loaded\nActiveState=active\nMainPID=1\n"),
    )
    now = _read(service, done)
    if now.state != "running":
        raise (yield from _did_not(service, verb, now.detail))
    return now


def _did_not(service: Service, verb: str, why: str) -> Action[StepFailed]:
    last = yield from logs(service, lines=_LAST)
    return StepFailed(
        f"{service.host}: expected {service.unit} to {verb}, found: {why}. Its journal ends with:\n{last}",
        do="The files were not touched by this step; look at what its journal names, and run again.",
    )


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


def _read(service: Service, done: Done) -> Status:
    facts = dict(line.split("=", 1) for line in done.text.splitlines() if "=" in line)
    if facts.get("LoadState") in ("not-found", "masked"):
        raise StepFailed(
            f"{service.at}: expected {service.host} to have {service.unit}, found it {facts['LoadState']}.",
            do="Correct `unit` in the inventory; `systemctl list-units` on the host shows what there is.",
        )
    state = facts.get("ActiveState", "")
    words = [facts.get("ActiveState", ""), facts.get("SubState", "")]
    words += [f"result {facts['Result']}"] if facts.get("Result") not in (None, "", "success") else []
    words += [f"since {facts['StateChangeTimestamp']}"] if facts.get("StateChangeTimestamp") else []
    return Status(
        state="starting" if facts.get("SubState") == "auto-restart" else _STATES.get(state, "unknown"),
        enabled=facts.get("UnitFileState") in ("enabled", "enabled-runtime", "static", "alias", "linked"),
        pid=int(facts.get("MainPID") or 0),
        restarts=int(facts.get("NRestarts") or 0),
        detail=", ".join(word for word in words if word),
    )
