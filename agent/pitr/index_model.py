"""What the programs about indexes answer with: frozen values that travel as JSON, without the driver."""

from __future__ import annotations

from dataclasses import dataclass, field

SOUND, MISSING, WRONG, DISAGREES, UNCOUNTED, EXTRA, LEFT = (
    "sound",
    "missing",
    "wrong",
    "disagrees",
    "uncounted",
    "extra",
    "left",
)
TO_BUILD = (MISSING, WRONG, DISAGREES)


@dataclass(frozen=True)
class Finding:
    """One index and how it is.

    `state` is sound, missing, wrong (another definition), disagrees (with its data), uncounted (the right
    definition, and no way to count it), extra (nobody declared it) or left (ours, of a rebuild that did not
    end). `entries` and `documents` are what was counted by it and without it, -1 where it was not.
    """

    collection: str
    name: str
    state: str
    detail: str = ""
    entries: int = -1
    documents: int = -1


@dataclass(frozen=True)
class Duplicate:
    """Documents that a unique index would refuse: the values they share, how many, and some of their ids."""

    collection: str
    index: str
    values: dict[str, str]
    count: int
    ids: tuple[str, ...]


@dataclass(frozen=True)
class IndexReport:
    """What a look at the declared indexes found; `sound` says that none has to be built.

    `broken` names those that have to be, `extra` those that nobody declared. `validate` is what the server
    says of each collection itself; `lies` are collections it calls valid although counting shows otherwise.
    """

    sound: bool
    findings: tuple[Finding, ...]
    broken: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    validate: dict[str, str] = field(default_factory=dict)
    lies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Latency:
    """How long a query of the index's own kind took, in milliseconds, and by which index it was answered.

    `index` is "" where the whole collection was read; `samples` is 0 where there was nothing to ask for.
    """

    median: float = 0.0
    p99: float = 0.0
    worst: float = 0.0
    samples: int = 0
    index: str = ""


@dataclass(frozen=True)
class Rebuild:
    """One index that was built: what was wrong, how long it took, and its query before, during and after.

    `stood_in` is the index that answered in its place meanwhile; "" where there was none.
    """

    collection: str
    name: str
    was: str
    seconds: float
    stood_in: str
    before: Latency
    during: Latency
    after: Latency


@dataclass(frozen=True)
class Rebuilt:
    """What was built, what had been left by a rebuild that did not end, and what could not be unique.

    `deleting` were not built, as they would have the server delete documents that stay as things are.
    """

    indexes: tuple[Rebuild, ...]
    removed: tuple[str, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    refused: tuple[str, ...] = ()
    deleting: tuple[str, ...] = ()


@dataclass(frozen=True)
class IndexProof:
    """What was proved of the declared indexes, claim by claim, and how fast their queries are answered."""

    claims: tuple[str, ...]
    latencies: dict[str, Latency] = field(default_factory=dict)


@dataclass(frozen=True)
class Declared:
    """Every index there is as one can declare it: JSON text for a file, and how many it holds."""

    text: str
    indexes: int
    collections: int
