"""One system, one file or folder: how it is looked at, stopped safely, dumped, loaded, repaired and proved.

`do: redis.repair_aof` in a page is the public generator function `repair_aof` of `agent/systems/redis`.
Its first parameter is the system's own frozen class, made from the inventory by its class method
`of(service)`; the others are what the page gives under `with`. Systems do not import one another.

A system that can be diagnosed has an action `diagnose` that returns `Vitals`, and a table `SYMPTOMS` of
everything it can name; the pages that help say so under `covers`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DEGRADED, DOWN = 1, 2


@dataclass(frozen=True)
class Symptom:
    """One thing that can be wrong with a system: its name for pages, how bad it is, and a sentence.

    `level` is DEGRADED (users are served, somebody should look) or DOWN (they are not, or data is damaged).
    `evidence` is what was seen where it was found; empty in a table of symptoms.
    """

    id: str
    level: int
    en: str
    ko: str
    evidence: str = ""


@dataclass(frozen=True)
class Vitals:
    """How a system is: whether it answers, reads and writes, a word for its data, and its symptoms.

    `backup` says how its backups are, where the system keeps them in a way of its own: "" where it has no
    data to keep. None leaves them to the catalog; then a backup that is missing or old is a symptom.
    `mark` is that of the newest backup its data went through ("" = it holds none, None = it cannot tell).
    `clock` is the time of day it lives in, in seconds since 1970 (None = it does not tell).
    """

    up: bool
    reads: bool
    writes: bool
    data: str
    symptoms: tuple[Symptom, ...] = field(default=())
    backup: str | None = None
    mark: str | None = None
    clock: float | None = None
