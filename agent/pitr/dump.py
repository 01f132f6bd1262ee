"""The state at a moment as a mongodump folder, and a mongodump folder into a server."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from agent.errors import NoRoom, Refused
from agent.pitr import instant
from agent.pitr.catalog import VIEW
from agent.pitr.crew import Crew, hands
from agent.pitr.dump_folder import Folder, begin, pieces_of_dump, read_folder, sync
from agent.pitr.fill import fill
from agent.pitr.merge import pieces_of
from agent.pitr.model import Exported, Loaded
from agent.pitr.plan import Plan, make_plan, workplace
from agent.pitr.reach import way_to
from agent.pitr.server import named
from agent.pitr.store import Store
from agent.pitr.target import Mark, answered, claim, finish

_UNFINISHED = ".unfinished"


def export(store: Store, at: str, folder: str, workers: int = 0) -> Exported:
    """Write the state at a moment as a mongodump folder; under its name only once it is whole.

    Raises:
        Refused: there is something under that name already.
        MomentUnreachable, BackupDamaged, NoRoom: as for a restore.
    """
    begun = time.monotonic()
    final = Path(folder).absolute()
    if final.exists() and (not final.is_dir() or any(final.iterdir())):
        raise Refused(f"Expected no {final}, found something there.", do="Name a folder that is not there.")
    beside = final.with_name(final.name + _UNFINISHED)
    way = way_to(store, at)
    crew = hands(workers)
    try:
        # What an export that was killed has left.
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True, mode=0o700)
        with workplace(store) as work:
            plan = make_plan(way, work, crew)
            begin(beside, plan.lives.values())
            with Crew(plan, partial(Folder, beside), crew) as hands_on:
                tally = hands_on.merge(pieces_of(way.base, plan.lives), plan.buckets)
        sync(beside)
        beside.replace(final)
    except OSError as error:
        raise NoRoom(f"{final} cannot be written: {error.strerror}.") from None
    counts = {life.namespace: tally.documents[life.n] for life in plan.lives.values() if life.kind != VIEW}
    return Exported(
        folder=str(final),
        at=instant.show(way.at),
        utc=instant.utc(way.at),
        counts=counts,
        documents=sum(counts.values()),
        bytes=sum(tally.sizes.values()),
        seconds=round(time.monotonic() - begun, 3),
    )


def load(
    store: Store,
    folder: str,
    into: str,
    replaced: Sequence[str] = (),
    attempt: str = "",
    workers: int = 0,
) -> Loaded:
    """Load a mongodump folder into a server that has nothing under its names; indexes last.

    Raises:
        NotFound, BackupDamaged: the folder is no dump, or a file of it is broken.
        Refused: the target holds data that may not be replaced.
    """
    begun = time.monotonic()
    if answer := answered(into, attempt):
        return msgspec.json.decode(answer, type=Loaded)
    dumped = read_folder(Path(folder))
    lives = {each.life.n: each.life for each in dumped}
    crew = hands(workers)
    with workplace(store) as work:
        pieces = pieces_of_dump(dumped, work)
        (work / "bitmap").write_bytes(b"\0")
        databases = tuple(sorted({life.db for life in lives.values()}))
        mark = Mark(attempt, "", folder, databases)
        claim(into, mark, replaced)
        filled = fill(into, Plan(work, lives, 0, 0, 0, frozenset()), pieces, crew)
    said = Loaded(
        folder=folder,
        into=named(into),
        counts=filled.counts,
        documents=sum(filled.counts.values()),
        bytes=filled.bytes,
        indexes=filled.indexes,
        seconds=round(time.monotonic() - begun, 3),
    )
    finish(into, mark, {"dump": folder}, said)
    return said
