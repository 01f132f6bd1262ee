"""What a run says while it happens, as values: the screens and the drills read these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

State = Literal["started", "over budget", "done", "failed", "skipped", "unknown", "unreachable", "note"]


@dataclass(frozen=True)
class RunEvent:
    """A run begins or goes on: its id, its folder on the controller, page, title and hosts.

    `rto` is the page's objective in seconds (0 = none), `elapsed` what of it is gone: counted from the run's
    first start, also over a resume.
    """

    run: str
    folder: str
    page: str
    title: str
    hosts: tuple[str, ...]
    resumed: bool = False
    rto: float = 0.0
    elapsed: float = 0.0
    event: Literal["run"] = "run"


@dataclass(frozen=True)
class StepEvent:
    """One step on one host has changed its state.

    `elapsed` and `budget` are seconds (budget 0 = none); `changed` tells whether the host was altered;
    `sentence` is the reason of a failure, or the text of a note; `recalled` marks a step that was done
    before a resume.
    """

    step: str
    name: str
    host: str
    state: State
    elapsed: float = 0.0
    budget: float = 0.0
    changed: bool = False
    sentence: str = ""
    recalled: bool = False
    result: Any = None
    event: Literal["step"] = "step"


@dataclass(frozen=True)
class AskEvent:
    """Something is about to be asked of a host; told with --verbose, secrets masked.

    `changes` says what it alters, empty where it only looks.
    """

    step: str
    host: str
    ask: str
    changes: str = ""
    event: Literal["ask"] = "ask"


@dataclass(frozen=True)
class RtoEvent:
    """The countdown: `left` seconds of `rto`, negative once it is missed; told each minute, and then."""

    rto: float
    elapsed: float
    left: float
    event: Literal["rto"] = "rto"


@dataclass(frozen=True)
class NotifyEvent:
    """Somebody of the escalation ladder was told, was not (`sentence` says why), or is to be called by hand.

    `level` is the ladder's minute; `last` marks the message about how the run ended. Then `sentence` of a
    contact who is called by hand is their number.
    """

    contact: str
    channel: str
    level: float
    state: Literal["sent", "failed", "by hand"]
    sentence: str = ""
    last: bool = False
    event: Literal["notify"] = "notify"


@dataclass(frozen=True)
class Tick:
    """Whether an item of the checklist holds: `ticked`, `unticked` (`sentence` says why), or `open`.

    Open is what a person has to see to: nothing checks it, or nothing of what it is about is in the run.
    """

    state: Literal["ticked", "unticked", "open"] = "open"
    sentence: str = ""


@dataclass(frozen=True)
class EndEvent:
    """A run is over: `outcome` is done, failed, stopped or unknown, `sentence` says why where it is not done.

    `after` is the page's checklist, and `ticks` what is known of each item; `resume` the command that goes on
    from here ("" = none). `hosts` is how each host ended: done, failed, unreachable, unknown, stopped (the
    run ended before it was through) or skipped (nothing was to be done there). `audit` is the hash of the
    audit's last line: kept elsewhere, it proves that no line was cut off the end. `locks` are the locks that
    the run still holds, by host: a resume takes them along and releases them, `unlock` are the commands that
    break them where nobody will resume. `proved` is whether the page had claims to prove, which held.
    """

    run: str
    outcome: str
    elapsed: float
    sentence: str = ""
    exit_code: int = 0
    after: tuple[str, ...] = field(default_factory=tuple)
    resume: str = ""
    hosts: Mapping[str, str] = field(default_factory=dict)
    audit: str = ""
    ticks: tuple[Tick, ...] = field(default_factory=tuple)
    locks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unlock: tuple[str, ...] = field(default_factory=tuple)
    proved: bool = False
    event: Literal["end"] = "end"


@dataclass(frozen=True)
class UnlockEvent:
    """What `drillyard unlock` made of the lock on one host, whose it was, and why it is not broken.

    `outcome` is broken, free (nobody held it), left alone (it changed hands meanwhile), unreachable (nobody
    looked) or unknown. `audit` is the hash of the audit's line about it, "" where nothing was to be done.
    """

    host: str
    lock: str
    outcome: Literal["broken", "free", "left alone", "unreachable", "unknown"]
    run: str = ""
    who: str = ""
    reason: str = ""
    since: str = ""
    sentence: str = ""
    audit: str = ""
    event: Literal["unlock"] = "unlock"


Event = RunEvent | StepEvent | AskEvent | RtoEvent | NotifyEvent | EndEvent


class Listener(Protocol):
    """Whoever wants to know; called from several threads, one call at a time."""

    def tell(self, event: Event) -> None:
        """Take notice of an event; must not raise."""


def as_data(event: Event | UnlockEvent) -> dict[str, Any]:
    """Return an event as JSON data."""
    return asdict(event)
