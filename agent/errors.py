"""Everything that can go wrong, one class and one exit code a kind of wrong.

    DrillyardError
    ├── Usage                64  the command line makes no sense
    ├── BadPage              20  a runbook page cannot be used (file and line in the sentence)
    ├── BadInventory         21  an inventory cannot be used (file and line in the sentence)
    ├── NotFound             22  no page, system, action, host or run of that name
    ├── Refused              23  a guard rail: we were not told to touch this, or nobody confirmed
    ├── Locked               24  somebody else is at work on the same service
    ├── Unreachable          30  no connection to a host
    │   ├── HostKeyRefused   31  the host's key is unknown, or not the one we know
    │   └── LoginRefused     32  the host is there and does not let us in
    ├── ContactLost          33  the connection went away with something in flight: its outcome is unknown
    ├── SudoRefused          34  the host lets us in but not act
    ├── StepFailed           10  a command on a host answered with a code that means failure
    │   ├── TimedOut         11  ... or with nothing in its time, and was ended
    │   ├── NotInTime        12  ... or the state we waited for did not come
    │   └── ProofFailed      13  the recovery ran, and a claim about its result is false
    ├── ServiceRefused       40  the service answers and does not accept our password
    ├── NoRoom               41  too little room, on disk or in memory; nothing was touched
    ├── NoBackup             42  no backup that could be used
    ├── BackupDamaged        43  a backup is not what its history says
    ├── MomentUnreachable    44  no captured history reaches the moment that was asked for
    ├── BadJournal           50  a run cannot be resumed from its journal
    ├── JournalLost          51  the journal cannot be written (disk full): no host is asked anything more
    ├── EngineMissing        60  no container engine for a drill
    ├── Defect               70  this program went wrong; the journal holds where
    └── Stopped             130  the operator ended the run between two asks (Ctrl-C, the stop file, a no)

`drillyard check` speaks with its own four codes: 0 sound, 1 degraded, 2 down or damaged, 3 could not
look.

A sentence says what was expected, what was found and what to do next.
"""

from __future__ import annotations

import re

_ESCAPED = re.compile("[\ud800-\udfff]")


class DrillyardError(Exception):
    """The root: a sentence for a person and an exit code for a machine."""

    exit_code = 70

    def __init__(self, sentence: str, *, do: str = "") -> None:
        """`sentence` says what was expected and found; `do` says what to do next."""
        self.sentence = printable(sentence)
        self.do = printable(do)
        super().__init__(f"{self.sentence} {self.do}".strip())


def printable(text: str) -> str:
    """Return a text for people, U+FFFD standing for each byte of a host that is no UTF-8.

    As such bytes are kept (surrogate escapes) no screen, mail or JSON takes them.
    """
    return _ESCAPED.sub("\ufffd", text)


def as_told(kind: str, sentence: str) -> DrillyardError:
    """Return the error of ours with that name and sentence, as a journal kept it."""
    known = globals().get(kind)
    if isinstance(known, type) and issubclass(known, DrillyardError):
        return known(sentence)
    return StepFailed(sentence)


class Usage(DrillyardError):
    """The command line makes no sense."""

    exit_code = 64


class BadPage(DrillyardError):
    """A runbook page cannot be used; the sentence names file and line."""

    exit_code = 20


class BadInventory(DrillyardError):
    """An inventory cannot be used; the sentence names file and line."""

    exit_code = 21


class NotFound(DrillyardError):
    """There is no page, system, action, host or run of that name; the sentence lists what there is."""

    exit_code = 22


class Refused(DrillyardError):
    """A guard rail held: a host we were not told to touch, or a run that nobody agreed to."""

    exit_code = 23


class Locked(DrillyardError):
    """Another run is at work on the same service; the sentence says whose and since when."""

    exit_code = 24


class Unreachable(DrillyardError):
    """No connection to a host could be made; nothing was asked of it."""

    exit_code = 30


class HostKeyRefused(Unreachable):
    """The host's key is unknown, or is not the one we know."""

    exit_code = 31


class LoginRefused(Unreachable):
    """The host is there and does not let us in."""

    exit_code = 32


class ContactLost(DrillyardError):
    """The connection went away with something in flight: whether it happened is unknown."""

    exit_code = 33


class SudoRefused(DrillyardError):
    """The host lets us in but does not let us act."""

    exit_code = 34


class StepFailed(DrillyardError):
    """A command on a host answered with a code that means failure."""

    exit_code = 10


class TimedOut(StepFailed):
    """A command did not end in its time, and was ended on the host."""

    exit_code = 11


class NotInTime(StepFailed):
    """The state we waited for did not come in its time."""

    exit_code = 12


class ProofFailed(StepFailed):
    """The recovery ran, and a claim about its result is false."""

    exit_code = 13


class ServiceRefused(DrillyardError):
    """The service answers and does not accept our password."""

    exit_code = 40


class NoRoom(DrillyardError):
    """There is too little room, on disk or in memory; nothing was touched."""

    exit_code = 41


class NoBackup(DrillyardError):
    """There is no backup that could be used."""

    exit_code = 42


class BackupDamaged(DrillyardError):
    """A backup is not what its history says."""

    exit_code = 43


class MomentUnreachable(DrillyardError):
    """No captured history reaches the moment asked for; the sentence names the nearest that are reachable."""

    exit_code = 44


class BadJournal(DrillyardError):
    """A run cannot be resumed from its journal."""

    exit_code = 50


class JournalLost(DrillyardError):
    """The controller cannot write its journal (its disk is full): nothing more is asked of any host."""

    exit_code = 51


class EngineMissing(DrillyardError):
    """There is no container engine to run a drill on."""

    exit_code = 60


class Stopped(DrillyardError):
    """The operator ended the run between two asks, or nobody agreed to a step; it can be resumed."""

    exit_code = 130


class TakenOver(Stopped):
    """Another life of this run, or a person, has taken its lock: it asks nothing more of that host."""

    exit_code = 24


class Defect(DrillyardError):
    """This program went wrong; the journal holds where, and the run can be resumed."""

    exit_code = 70
