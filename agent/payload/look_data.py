"""Look at an application's data as it is: which of it is damaged, silently changed, or lacks its counterpart.

python3 -I - '{"place": {...}, "against": "unified_20250120_030000", "most": 268435456}'

`against` names a sound set: a row that differs from it although nothing touched it was changed by nobody, and
what holds hardly any of its documents began anew. Where its database has more than `most` bytes (0 = any) its
rows are not compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.payload import durable, hnsw, rows, united, vectors
from agent.payload.durable import Refuse
from agent.payload.gate import paused
from agent.payload.kept_set import KeptSet, Place, chain, load
from agent.payload.telling import tell
from agent.payload.unfold import needs, unfold
from agent.payload.united import Link

_WORK = ".drillyard-looking"
_NAMED = 20
_FEW = 3
_MANY = 10
_PAUSE = 5.0

Found = dict[str, Any]


def look(spec: dict[str, Any]) -> dict[str, Any]:
    """Return for each element its state and a sentence, and what is not united.

    The application is held for the moment in which rows, vectors and names of files are read, so that what is
    being written is not taken for something that lacks its counterpart.
    """
    place, link = Place.of(spec), Link.of(spec)
    told: dict[str, Found] = {}
    notes: list[str] = []
    kept = _kept(place, spec, notes)
    if place.database:
        told["sqlite"] = _sqlite(place, link, kept, int(spec.get("most", 0)), notes)
    if place.chroma:
        told["chromadb"] = _chroma(place)
    view = _view(place, link, told)
    if place.files:
        told["files"] = _files(place, view)
        rows_wrong = view.wrong_rows()
        if rows_wrong and told.get("sqlite", {}).get("state") == "sound":
            named = ", ".join(sorted(rows_wrong)[:5])
            sentence = f"{len(rows_wrong)} rows say what neither file nor vector says: {named}"
            told["sqlite"] = _state("changed", sentence, rows=sorted(rows_wrong)[:_NAMED])
    apart = {}
    if view.known is not None and len(told) > 1:
        _emptied(told, view)
        if kept:
            _began_anew(told, view, kept, link)
        apart = united.apart(view.known, view.ids, view.sums)
    facts = os.statvfs(place.data)
    return {"elements": told, "apart": apart, "free": facts.f_bavail * facts.f_frsize, "notes": notes}


def _kept(place: Place, spec: dict[str, Any], notes: list[str]) -> KeptSet | None:
    """Return the set that is compared with; None where none was named, or where it cannot be read."""
    if not spec.get("against"):
        return None
    try:
        return load(place, spec["against"])
    except Refuse as error:
        notes.append(f"not compared with {spec['against']}: {error}")
        return None


@dataclass
class _View:
    """Rows, ids of vectors, and files of one moment; None where they cannot be read."""

    known: dict[str, tuple[str, str]] | None = None
    ids: set[str] | None = None
    sums: dict[str, str] | None = None
    noted: dict[str, str] = field(default_factory=dict)

    def wrong_rows(self) -> dict[str, str]:
        """Return by id the file of each row that says another content than file and vector agree on."""
        return {
            key: name
            for key, (name, total) in (self.known or {}).items()
            if self.noted.get(key) and (self.sums or {}).get(name) == self.noted[key] != total
        }


def _view(place: Place, link: Link, told: dict[str, Found]) -> _View:
    view = _View()
    with _held(place):
        if len(place.elements) > 1 and told.get("sqlite", {}).get("state") in ("sound", "changed"):
            with rows.opened(place.live("sqlite"), still=False) as database:
                view.known = united.rows_of(database, link)
        if told.get("chromadb", {}).get("state") in ("sound", "index"):
            with rows.opened(place.database_of("chromadb"), still=False) as chroma:
                noted = vectors.noted(chroma, link.collection)
                view.ids = set(noted)
                view.noted = {key: str(each.get("sha256", "")) for key, each in noted.items()}
        if place.files and place.live("files").is_dir():
            view.sums = dict.fromkeys(_names(place.live("files")), "")
    return view


@contextmanager
def _held(place: Place) -> Iterator[None]:
    """Hold the application where that can be had; one that hangs in a write is looked at all the same."""
    with ExitStack() as stack:
        with suppress(Refuse, OSError):
            stack.enter_context(paused(place.data, _PAUSE))
        yield


def _names(folder: Path) -> Iterator[str]:
    """Yield the files below a folder that are whole, in their order; the application may be at work in it."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        paths = (Path(root, name) for name in names if not name.startswith("."))
        found += [path for path in paths if (facts := durable.seen(path)) and stat.S_ISREG(facts.st_mode)]
    yield from (str(path.relative_to(folder)) for path in sorted(found))


def _emptied(told: dict[str, Found], view: _View) -> None:
    """Name what is sound and has lost much of what the others know: a service that began anew, empty."""
    if view.known is None or view.ids is None:
        return
    for element, lost, of in (
        ("sqlite", view.ids - set(view.known), view.ids),
        ("chromadb", set(view.known) - view.ids, set(view.known)),
    ):
        if len(lost) > max(_FEW, len(of) // 10) and told[element]["state"] == "sound":
            told[element] = _state("lost", f"{len(lost)} of {len(of)} documents are not in it")


def _began_anew(told: dict[str, Found], view: _View, kept: KeptSet, link: Link) -> None:
    """Name as lost what holds hardly any of the documents of `kept`, or not those whose files are there.

    Rows and vectors may both have begun anew: then they agree with one another, on nothing.
    """
    rows_then = int(kept.parts["sqlite"].holds["tables"].get(link.table, {}).get("rows", 0))
    held = kept.parts["chromadb"].holds["collections"] if "chromadb" in kept.parts else {}
    vectors_then = int(held.get(link.collection, {}).get("vectors", 0))
    files = set(kept.parts["files"].holds["files"]) if "files" in kept.parts else set()
    known = view.known or {}
    left = (files & set(view.sums or {})) - {name for name, _ in known.values()}
    for element, then, now in (
        ("sqlite", rows_then, len(known)),
        ("chromadb", vectors_then, len(view.ids or ())),
    ):
        gone = len(left) > max(_FEW, then // 10) and then - now > max(_FEW, then // 10)
        hardly = then >= _MANY and now * 10 < then
        if (gone or hardly) and told.get(element, {}).get("state") == "sound":
            told[element] = _state("lost", f"it holds {now} documents, and {kept.id} {then}: it began anew")


def _state(state: str, detail: str = "", **more: Any) -> Found:
    return {"state": state, "detail": detail, **more}


def _sqlite(place: Place, link: Link, kept: KeptSet | None, most: int, notes: list[str]) -> Found:
    path = place.live("sqlite")
    why = _no_database(path)
    if why:
        return why
    try:
        with rows.opened(path, still=False) as database:
            wrong = rows.unsound(database)
            if wrong:
                return _state("damaged", wrong)
            if len(place.elements) > 1:
                united.rows_of(database, link)
            changed = _compared(place, link, kept, most, notes, database) if kept else []
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return _state("damaged", f"SQLite cannot read it: {error}")
    if changed and kept:
        named = ", ".join(changed[:5])
        sentence = f"{len(changed)} rows differ from {kept.id} though nothing touched them: {named}"
        return _state("changed", sentence, rows=changed[:_NAMED])
    return _state("sound", "" if kept else "not compared with a backup")


def _no_database(path: Path) -> Found | None:
    if not path.is_file():
        return _state("missing", f"{path} is not there")
    if path.stat().st_size == 0:
        return _state("damaged", f"{path} is empty, which SQLite takes for a new database")
    return None


def _compared(
    place: Place, link: Link, kept: KeptSet, most: int, notes: list[str], database: sqlite3.Connection
) -> list[str]:
    """Return the rows that were changed by nobody; that a set cannot be compared with is said, no verdict."""
    size = kept.parts["sqlite"].unpacked or database.execute("PRAGMA page_count").fetchone()[0] * 4096
    if most and size > most:
        notes.append(f"rows not compared with {kept.id}: {size >> 20} MB of it are more than {most >> 20} MB")
        return []
    try:
        return _changed(place, link, kept.id, database)
    except (Refuse, OSError) as error:
        notes.append(f"rows not compared with {kept.id}: {error}")
        return []


def _changed(place: Place, link: Link, against: str, database: sqlite3.Connection) -> list[str]:
    """Return the ids of rows that differ from the set's though their `touched` column is the same."""
    if not link.touched:
        return []
    sets = chain(place, against)
    durable.room(place.backups, needs(place, sets, "sqlite"), "a comparison")
    with durable.scratch(place.backups / _WORK) as work:
        copy = unfold(place, sets, "sqlite", work)
        with rows.opened(copy) as before:
            then = dict(_digests(before, link))
    return [str(key) for key, said in _digests(database, link) if key in then and _silent(then[key], said)]


def _silent(then: tuple[Any, bytes], now: tuple[Any, bytes]) -> bool:
    return then[0] == now[0] and then[1] != now[1]


def _digests(database: sqlite3.Connection, link: Link) -> Any:
    """Yield the key of each row, its `touched` column and a digest of all of it."""
    database.text_factory = rows.Text
    cursor = database.execute(f'SELECT "{link.key}", "{link.touched}", * FROM "{link.table}" NOT INDEXED')
    for row in cursor:
        key = row[0].decode("utf-8", "replace") if isinstance(row[0], bytes) else row[0]
        yield key, (row[1], hashlib.blake2b(rows.row_hash(row[2:]), digest_size=16).digest())
    database.text_factory = str


def _chroma(place: Place) -> Found:
    path = place.database_of("chromadb")
    why = _no_database(path)
    if why:
        return why
    try:
        with rows.opened(path, still=False) as database:
            wrong = rows.unsound(database, keys=False)
            if wrong:
                return _state("damaged", wrong)
            if vectors.purging(database):
                return _state("purging", "it purges its queue, so that it cannot be backed up")
            vectors.collections(database)
            for segment, collection in hnsw.segments(database).items():
                broken = hnsw.damage(path.parent / segment, collection, database)
                if broken:
                    return _state("index", f"{segment}: {broken}", segment=segment)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return _state("damaged", f"SQLite cannot read it: {error}")
    except Refuse as error:
        return _state("purged", str(error))
    return _state("sound")


def _files(place: Place, view: _View) -> Found:
    """Return how the files are, and fill in their sums: each is read whole."""
    folder = place.live("files")
    if view.sums is None:
        view.sums = {}
        return _state("missing", f"{folder} is not there")
    wanted = dict(view.known.values()) if view.known is not None else {}
    for name in view.sums:
        try:
            view.sums[name] = durable.digest(folder / name)
        except FileNotFoundError:
            # It was replaced since its row was read.
            view.sums[name] = wanted.get(name, "")
    if view.known is None:
        return _state("sound", "not compared with rows")
    missing = sorted(set(wanted) - set(view.sums))
    blameless = set(view.wrong_rows().values())
    changed = sorted(
        name
        for name, total in wanted.items()
        if view.sums.get(name, total) != total and name not in blameless
    )
    if missing or changed:
        sentence = f"{len(missing)} files are missing, {len(changed)} are not what their rows say"
        return _state("damaged", sentence, missing=missing[:_NAMED], changed=changed[:_NAMED])
    return _state("sound")


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    os.nice(5)
    os.umask(0o027)
    try:
        tell(look(json.loads(argv[0])))
    except (Refuse, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
