"""What is done where only a part was lost: the index built anew, files brought back, the rest whole again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agent.at_rest.model import AtRest
from agent.at_rest.sets import Named
from agent.transport.ask import Action, Clock, Done, Note


@dataclass(frozen=True)
class Moved:
    """Index files that were moved aside to `kept`; Chroma builds `vectors` into new ones."""

    kept: str
    vectors: int


@dataclass(frozen=True)
class Fetched:
    """Files that were brought back, and those that no backup has."""

    restored: int
    lost: tuple[str, ...]
    lost_count: int
    kept: str


@dataclass(frozen=True)
class Settled:
    """How many documents wait to be made again, and what was removed because it had been deleted since.

    `strays` are files that neither row nor vector knows: of a write that was cut off. They are kept aside,
    and what was removed stands in `rows_removed.jsonl` and `vectors_removed.jsonl`, all in the folder `kept`.
    """

    queued: int
    rows_gone: int
    vectors_gone: int
    lost: int
    strays: int = 0
    named: dict[str, list[str]] = field(default_factory=dict)
    kept: str = ""


def check_room(data: AtRest, copy: Named, elements: Sequence[str] = ()) -> Action[None]:
    """See, before anything is stopped, that a set is whole by its sums and has room (NoRoom)."""
    yield from data.run(
        "restore_set",
        {"id": copy.id, "elements": list(elements), "owner": data.owner, "stamp": "none", "only_look": True},
    )


def rebuild_index(data: AtRest) -> Action[Moved]:
    """Move the stopped Chroma's index files aside: it builds them anew, and nothing is lost."""
    found = yield from _done(
        data, {"do": "index"}, "moves Chroma's index files aside", b'{"kept":"","vectors":0}'
    )
    return Moved(found["kept"], found["vectors"])


def fetch_files(data: AtRest, copies: Iterable[Named]) -> Action[Fetched]:
    """Bring back each file that a row names and that is missing or changed, out of whichever set has it."""
    names = [each.id for each in copies]
    found = yield from _done(
        data,
        {"do": "files", "sets": names},
        f"brings files back into {data.data_dir}/{data.files}",
        b'{"restored":0,"lost":[],"lost_count":0,"kept":""}',
    )
    if found["lost"]:
        yield Note(f"{data.host}: no backup has {found['lost_count']} files, {', '.join(found['lost'][:5])}")
    return Fetched(found["restored"], tuple(found["lost"]), found["lost_count"], found["kept"])


def settle(data: AtRest) -> Action[Settled]:
    """Have what only some of rows, vectors and files know made documents again, or removed."""
    found = yield from _done(
        data,
        {"do": "settle", "queue": data.queue, "chroma_python": list(data.chroma_python), "seen": data.seen},
        f"lays documents that are newer than the backup into {data.data_dir}/{data.queue}",
        b'{"queued":0,"rows_gone":0,"vectors_gone":0,"lost":0,"strays":0,"named":{}}',
    )
    settled = Settled(**found)
    yield Note(
        f"{data.host}: {settled.queued} documents are newer than the backup and are made again from their "
        f"PDF files; {settled.rows_gone + settled.vectors_gone} were deleted since; {settled.lost} are lost."
        + (f" {settled.strays} files of no document are kept aside." if settled.strays else "")
        + (f" Rows that were removed: {_listed(settled, 'rows_gone')}." if settled.rows_gone else "")
        + (f" Vectors that were removed: {_listed(settled, 'vectors_gone')}." if settled.vectors_gone else "")
        + (f" All of that is kept in {settled.kept}." if settled.kept else "")
    )
    return settled


def _listed(settled: Settled, what: str) -> str:
    names = settled.named.get(what, [])
    more = int(getattr(settled, what)) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _done(data: AtRest, spec: dict[str, Any], changes: str, supposing: bytes) -> Action[dict[str, Any]]:
    now: float = yield Clock()
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d_%H%M%S")
    told = {**spec, "owner": data.owner, "mode": data.mode, "stamp": stamp}
    return (
        yield from data.run(
            "reunite", told, changes=changes, again="safe", supposing=Done(0, supposing), timeout=3600
        )
    )
