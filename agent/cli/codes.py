"""The exit codes a verb can end with, read from the errors themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from agent import errors
from agent.errors import DrillyardError

_Kinds = tuple[type[DrillyardError], ...]

_WORLD: _Kinds = (errors.Usage, errors.BadInventory, errors.NotFound)
_REACH: _Kinds = (
    errors.Unreachable,
    errors.HostKeyRefused,
    errors.LoginRefused,
    errors.ContactLost,
    errors.SudoRefused,
)
_ASK: _Kinds = (*_REACH, errors.StepFailed, errors.TimedOut, errors.NotInTime)
_BACKUP: _Kinds = (errors.ServiceRefused, errors.NoRoom, errors.NoBackup, errors.BackupDamaged)
_RUN: _Kinds = (
    *(*_WORLD, *_ASK, *_BACKUP),
    *(errors.ProofFailed, errors.BadPage, errors.Refused, errors.Locked, errors.Defect, errors.Stopped),
    errors.JournalLost,
)
_OWN = {1: "degraded", 2: "down or damaged", 3: "could not look"}

# What each verb can raise; one that is not named here is said to end with any.
ENDS: dict[str, _Kinds] = {
    "hosts": (*_WORLD, *_ASK, errors.Refused),
    "check": (*_WORLD, errors.Unreachable, errors.Refused),
    "auto-recover": _RUN,
    "runbooks": (*_WORLD, errors.BadPage),
    "rehearsals": _WORLD,
    "plan": (*_WORLD, *_ASK, *_BACKUP, errors.BadPage, errors.Refused),
    "run": _RUN,
    "resume": (*_RUN, errors.BadJournal),
    "unlock": (*_WORLD, *_ASK, errors.Refused, errors.Locked, errors.JournalLost),
    "audit": (errors.Usage, errors.NotFound, errors.Refused, errors.BadJournal, errors.JournalLost),
    "backup": _RUN,
    "capture": (*_WORLD, errors.Refused, errors.Locked, errors.NoRoom),
    "mongodb": (*_WORLD, *_ASK, *_BACKUP, errors.MomentUnreachable, errors.Refused),
    "serve": (*_WORLD, *_ASK, errors.BadPage, errors.BadJournal, errors.Refused, errors.Locked),
    "token": _WORLD,
    "completion": (errors.Usage,),
}
_LOOKS = ("check", "auto-recover")
_UNSEEN = {141: "done, and nobody could read it: the reader, the terminal or the file's disk gave out"}
_ALSO = {
    "run": _UNSEEN,
    "resume": _UNSEEN,
    "audit": {
        0: "sound; a torn line that was acknowledged is named",
        22: "There is no audit to look at, or no such line in it.",
        23: "acknowledge: the line is whole, was altered, or was acknowledged before",
        50: "A line is torn, altered, removed or inserted; the sentence names the first.",
        51: "acknowledge: the audit cannot be written",
    },
    "backup": {1: "check: somebody should look", 2: "check: the objectives are at risk"},
    "mongodb": {1: "status: not well; points: no moment to restore; find-damage: nothing found"},
}


def exit_codes() -> str:
    """Return the table of every exit code."""
    return _table(_every(), {0: "done"})


def exit_codes_of(verb: str) -> str:
    """Return the table of the codes that one verb can end with."""
    own = {0: "sound", **_OWN} if verb in _LOOKS else {0: "done", **_ALSO.get(verb, {})}
    kinds = ENDS.get(verb, tuple(_every()))
    if errors.Stopped not in kinds:
        own |= {errors.Stopped.exit_code: "ended by Ctrl-C"}
    if errors.JournalLost not in kinds:
        own.setdefault(errors.JournalLost.exit_code, "what it has to say cannot be written (a disk is full)")
    return _table(kinds, own)


def _table(kinds: Iterable[type[DrillyardError]], own: dict[int, str]) -> str:
    told: dict[int, str] = {}
    for kind in kinds:
        # A code that two kinds share is told as what the first of them is.
        told.setdefault(kind.exit_code, (kind.__doc__ or "").strip().splitlines()[0])
    rows = [*{**told, **own}.items()]
    return "\n".join(f"  {code:>3}  {text}" for code, text in sorted(rows))


def _every() -> Iterator[type[DrillyardError]]:
    # Not by __subclasses__: a verb that is not ours to list may have brought its own.
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, DrillyardError) and kind is not DrillyardError:
            yield kind
