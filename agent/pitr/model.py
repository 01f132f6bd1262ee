"""What capture and restore answer with: frozen values that travel as JSON, without MongoDB's driver.

A moment is `SECS,INC`: MongoDB's own cluster time, exact and inclusive.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Lag:
    """Seconds from a write's acknowledgement to its being on disk in the log, of the last few minutes."""

    median: float = 0.0
    p99: float = 0.0
    worst: float = 0.0
    samples: int = 0


@dataclass(frozen=True)
class CaptureStatus:
    """How the capture is. `state` is never, ended, basing, capturing, reconnecting, dead or stuck.

    `dead` means that its status says it works and no process holds its lock, `stuck` that one does and has
    told nothing for a minute. `captured_up_to` is the newest
    moment that can be restored (`SECS,INC`, "" = none), `captured_utc` its time, `behind` seconds between
    that and now by the tools host's clock (-1 = unknown). `gaps` are sentences about history that was lost.
    `unshipped` counts sealed files that the other place does not have yet; `error` is what went wrong last.
    """

    state: str
    timeline: str = ""
    base: str = ""
    base_utc: str = ""
    captured_up_to: str = ""
    captured_utc: str = ""
    behind: float = -1.0
    lag: Lag = field(default_factory=Lag)
    events: int = 0
    segments: int = 0
    gaps: tuple[str, ...] = ()
    shipping: str = ""
    shipped_up_to: str = ""
    unshipped: int = 0
    pid: int = 0
    since: str = ""
    error: str = ""

    @property
    def running(self) -> bool:
        """Whether a capture is at work."""
        return self.state in ("basing", "capturing", "reconnecting")


@dataclass(frozen=True)
class Based:
    """A base snapshot: usable for moments from `usable_from` on. `documents` a namespace."""

    id: str
    timeline: str
    started_at: str
    usable_from: str
    documents: dict[str, int]
    bytes: int
    stored: int
    seconds: float


@dataclass(frozen=True)
class Reachable:
    """One stretch of moments that can be restored, both ends inclusive, with their times in UTC."""

    timeline: str
    since: str
    until: str
    since_utc: str
    until_utc: str
    bases: int
    segments: int
    bytes: int
    why: str = ""


@dataclass(frozen=True)
class RestorePoints:
    """Every stretch that can be restored, the oldest first; `faults` are what cannot be used and why."""

    stretches: tuple[Reachable, ...]
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A burst of changes that may be damage.

    `kind` is delete, update, replace, drop, dropDatabase or rename; `events` of them touched `documents`,
    from cluster time `first` to `last`. `fields` are what an update set or removed; `sample` shows a few.
    `same` is a hash of what all of them set, where that was the same: then only those are meant. They took
    `seconds`; otherwise there is one such change in `usual` seconds, 0.0 where there hardly ever is. Both are
    0.0 of what goes at one blow.
    """

    id: str
    kind: str
    namespace: str
    events: int
    documents: int
    first: str
    last: str
    first_utc: str
    last_utc: str
    fields: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()
    same: str = ""
    seconds: float = 0.0
    usual: float = 0.0

    @property
    def told(self) -> str:
        """What it is, in a line."""
        many = f" of {self.documents} documents" if self.documents else ""
        named = f" ({', '.join(self.fields)})" if self.fields else ""
        return f"{self.kind}{many}{named} in {self.namespace}, {self.first_utc} to {self.last_utc}"


@dataclass(frozen=True)
class Damage:
    """What a search of the captured changes found: candidates, the gravest first; searched from..to.

    `chosen` are the ids of those that belong together with the gravest (begun within two minutes of it);
    `moment` and `replay` go by them. `expired` counts the deletes that are no candidates, as a TTL index had
    made them due: by namespace and field.
    """

    since: str
    until: str
    events: int
    candidates: tuple[Candidate, ...] = ()
    chosen: tuple[str, ...] = ()
    expired: dict[str, int] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        """Whether there is any candidate."""
        return bool(self.candidates)

    def gone_on(self, later: Damage) -> Damage:
        """Return this damage with what a later search found of the same kinds since it began.

        A query that was still at work when it was looked for goes on, and one may be sent twice.
        """
        chosen = [each for each in self.candidates if each.id in self.chosen]
        if not chosen:
            return self
        kinds = {(each.kind, each.namespace, each.fields) for each in chosen}
        begun = min(_place(each.first) for each in chosen)
        same = [
            each
            for each in later.candidates
            if (each.kind, each.namespace, each.fields) in kinds and _place(each.last) >= begun
        ]
        # Of one found twice the later is the longer.
        found = {each.id: each for each in (*self.candidates, *later.candidates)}
        ids = dict.fromkeys((*self.chosen, *(each.id for each in same)))
        return replace(self, until=later.until, candidates=tuple(found.values()), chosen=tuple(ids))


def _place(moment: str) -> tuple[int, int]:
    """Return SECS,INC as what can be compared."""
    seconds, _, number = moment.partition(",")
    return int(seconds), int(number or 0)


@dataclass(frozen=True)
class Moment:
    """A moment to restore to: `at` as SECS,INC (exact, inclusive), its time in UTC, and why this one."""

    at: str
    utc: str
    why: str


@dataclass(frozen=True)
class Restored:
    """What a restore did. `counts` are documents a namespace; `into` names the target without its secret.

    `folded` documents were altered by the log, `passed` went through as they were; `orphans` are changes to
    documents that the base lacks (0 in a sound history). `as_of_base` names collections whose changes MongoDB
    does not tell (time series): they are as the base has them. `users_missing` exist at the source only.
    `passing` of the documents are in collections with a TTL index, which removes them by and by.
    """

    at: str
    utc: str
    timeline: str
    base: str
    into: str
    counts: dict[str, int]
    documents: int
    bytes: int
    seconds: float
    segments: int
    events: int
    indexes: int = 0
    passed: int = 0
    folded: int = 0
    orphans: int = 0
    workers: int = 1
    as_of_base: tuple[str, ...] = ()
    users_missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    passing: int = 0


@dataclass(frozen=True)
class Record:
    """What a server notes of the newest restore into it: of which moment, and how many seconds ago it ended.

    `seconds` is -1 where none was ever done. `written` are seconds since somebody's newest write to the
    server that was replaced, as its capture has it; -1 where there is none within the last hour.
    """

    at: str = ""
    timeline: str = ""
    seconds: float = -1.0
    written: float = -1.0


@dataclass(frozen=True)
class Written:
    """How many seconds ago somebody last wrote to a server; -1 where nobody did in the time looked at."""

    seconds: float = -1.0


@dataclass(frozen=True)
class Admitted:
    """The application's user on a restored server ("" = its address names none), and whether it was made."""

    user: str
    made: bool
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """What was proved of a restored server: claims in words, documents a namespace.

    `present` documents written at or before the moment were compared one by one, `absent` that came after
    it were looked for and not found; `whole` says that every document was compared too.
    """

    at: str
    claims: tuple[str, ...]
    counts: dict[str, int]
    documents: int
    present: int
    absent: int
    whole: bool
    seconds: float


@dataclass(frozen=True)
class Conflict:
    """A document with writes after the damage that were not replayed, and why not."""

    namespace: str
    id: str
    why: str
    writes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replayed:
    """What became of the writes made after the moment that was restored to.

    `applied` documents were brought to their newest state, `undone` were touched by the damage alone and stay
    as restored, `conflicts` need a person (`conflict_count` says how many there are where the list is cut).
    `already` were in their newest state; `removed`, deleted by a later write that is no damage, are gone, as
    they should be. The whole list lies in `report` on the tools host.
    """

    after: str
    until: str
    events: int
    applied: int
    already: int
    undone: int
    conflict_count: int
    conflicts: tuple[Conflict, ...] = ()
    report: str = ""
    seconds: float = 0.0
    removed: int = 0


@dataclass(frozen=True)
class Exported:
    """A mongodump folder that was written: as of which moment, and what it holds."""

    folder: str
    at: str
    utc: str
    counts: dict[str, int]
    documents: int
    bytes: int
    seconds: float


@dataclass(frozen=True)
class Loaded:
    """A mongodump folder that was loaded into a server."""

    folder: str
    into: str
    counts: dict[str, int]
    documents: int
    bytes: int
    indexes: int
    seconds: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Status:
    """How a MongoDB server is, by asking it only. `symptoms` are sentences; none means it is well.

    `passing` of the documents are in collections with a TTL index, which removes them by and by. `lives` says
    in words by what a server is seen to be alive that is not `up`, as it does not serve us: "" = by nothing.
    """

    up: bool
    reads: bool = False
    writes: bool = False
    primary: bool = False
    set_name: str = ""
    version: str = ""
    databases: tuple[str, ...] = ()
    documents: int = -1
    symptoms: tuple[str, ...] = ()
    passing: int = 0
    lives: str = ""
