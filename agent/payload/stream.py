"""The database as Litestream has shipped it all along: how that stands, and its state of any second put back.

python3 -I - '{"do": "restore", "at": 1737342000.5, "id": "unified_20250120_030000", "place": {...}, ...}'

With `id` the vectors of that set go in beside it, for a moment of the past: then the PDF files, which never
change, stay, and those that no row of that moment names are kept aside with the rest.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from agent.payload import durable, rows, united
from agent.payload.durable import Refuse
from agent.payload.kept_set import KeptSet, Place, chain, load
from agent.payload.owner import folder_of
from agent.payload.restore_set import own, present
from agent.payload.shipper import end, processes
from agent.payload.swap import finish, pending, swap
from agent.payload.telling import tell
from agent.payload.unfold import differs, needs, unfold, vouched
from agent.payload.united import Link

_WORK = ".drillyard-streaming"
_seen = partial(durable.seen, follow=True)
_FEW = 3


def standing(spec: dict[str, Any]) -> dict[str, Any]:
    """Return whether Litestream runs, what it holds (seconds since 1970), and how far behind it is."""
    place = Place.of(spec)
    database, moments = place.live("sqlite"), sorted(_moments(spec))
    beside = (database, database.with_name(f"{database.name}-wal"))
    changed = max((facts.st_mtime for facts in map(_seen, beside) if facts), default=0.0)
    newest = moments[-1] if moments else 0.0
    return {
        "running": bool(processes(spec["config"])),
        "oldest": moments[0] if moments else 0.0,
        "newest": newest,
        # What was written since the newest that it holds: a database at rest is behind by nothing.
        "behind": round(time.time() - newest, 1) if changed > newest + 0.002 else 0.0,
    }


def restore(spec: dict[str, Any]) -> dict[str, Any]:
    """Put the database of `at` (0 = the newest) in place; return like `restore_set`.

    Raises:
        Refuse: Litestream has no such moment, or what it has is not sound; nothing was touched.
    """
    place, link = Place.of(spec), Link.of(spec)
    kept = place.data / f"drillyard-kept-{spec['stamp']}"
    if pending(place.data):
        end(spec["config"])
    finish(place.data)
    done = kept / "restored.json"
    if done.exists():
        return dict(json.loads(done.read_bytes()))
    taken = max((each for each in _moments(spec) if not spec["at"] or each <= spec["at"]), default=0.0)
    if not taken:
        raise Refuse("expected what Litestream shipped to reach back that far, found that it does not")
    sets = chain(place, spec["id"]) if spec.get("id") else []
    live = place.live("sqlite")
    size = max((facts.st_size for facts in map(_seen, (live, *_files(spec))) if facts), default=0)
    total = 3 * size + (needs(place, sets, "chromadb") if sets else 0)
    durable.room(place.data, total, "what is restored beside the present state")
    with durable.scratch(place.data / _WORK) as work:
        copy = _copied(spec, work / place.database, taken)
        known = _known(copy, link)
        if spec.get("against"):
            _refuse_emptied(load(place, spec["against"]), link, known)
        found = {"sqlite": copy}
        if sets:
            found["chromadb"] = unfold(place, sets, "chromadb", work)
            trusted = vouched(sets[-1], link)
            why = "" if trusted else differs(sets[-1], "chromadb", found["chromadb"])
            if why:
                raise Refuse(f"{sets[-1].id} is not used: {why}")
        for path in found.values():
            own(path, spec["owner"], int(spec.get("mode", "644"), 8))
        told = {"kept": str(kept), "taken": taken, "elements": list(found), "contents": {"rows": len(known)}}
        durable.write(work / ".restored", json.dumps({**told, "id": "stream", "apart": []}).encode())
        own(work / ".restored", spec["owner"], 0o600)
        folder_of(kept, spec["owner"])
        moves = [(each, kept / each.name) for element in found for each in present(place, element)]
        moves += _orphans(place, known, kept, spec["owner"]) if sets else []
        moves += [(path, place.live(element)) for element, path in found.items()]
        end(spec["config"])
        swap(place.data, [*moves, (work / ".restored", done)])
    return dict(json.loads(done.read_bytes()))


def _copied(spec: dict[str, Any], into: Path, taken: float) -> Path:
    words = [spec["litestream"], "restore", "-o", str(into)]
    if taken < max(_moments(spec)):
        # It takes no moment behind its newest, and means what is before it; its own are in milliseconds.
        behind = int(taken * 1000 + 0.5) + 1
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(behind // 1000))
        words += ["-timestamp", f"{whole}.{behind % 1000:03d}Z"]
    try:
        done = subprocess.run(
            [*words, f"file://{_log(spec)}"], capture_output=True, check=False, timeout=3600
        )
    except FileNotFoundError:
        raise Refuse(f"expected the program {spec['litestream']} on this host, found none") from None
    if done.returncode:
        raise Refuse(
            f"Litestream does not restore it: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}"
        )
    return into


def _known(copy: Path, link: Link) -> dict[str, tuple[str, str]]:
    try:
        with rows.opened(copy, still=False) as database:
            why = rows.unsound(database)
            if why:
                raise Refuse(f"what Litestream shipped is not sound: {why}")
            return united.rows_of(database, link)
    except sqlite3.Error as error:
        raise Refuse(f"what Litestream shipped cannot be read: {error}") from None


def _refuse_emptied(kept: KeptSet, link: Link, known: dict[str, tuple[str, str]]) -> None:
    """Refuse the database of an application that began anew: that was shipped as faithfully as any other."""
    said = kept.parts["sqlite"].holds["tables"].get(link.table, {})
    rows_then = int(said.get("rows", 0))
    if rows_then - len(known) > max(_FEW, rows_then // 10):
        raise Refuse(
            f"what Litestream shipped last holds {len(known)} documents and {kept.id} {rows_then}: most were "
            "lost before; the moment before that is restored by point_in_time"
        )


def _orphans(
    place: Place, known: dict[str, tuple[str, str]], kept: Path, owner: str
) -> Iterator[tuple[Path, Path]]:
    """Yield the files of a later time, and where they are kept."""
    folder, named = place.live("files"), {name for name, _ in known.values()}
    for path in sorted(folder.rglob("*")) if place.files else ():
        name = path.relative_to(folder)
        if path.is_file() and str(name) not in named and not path.name.startswith("."):
            folder_of((kept / place.files / name).parent, owner)
            yield path, kept / place.files / name


def _log(spec: dict[str, Any]) -> Path:
    return Path(spec["stream"]) / "log"


def _files(spec: dict[str, Any]) -> Iterator[Path]:
    yield from _log(spec).glob("ltx/*/*.ltx")


def _moments(spec: dict[str, Any]) -> Iterator[float]:
    """Yield the moments that what was shipped is of: Litestream writes them into the files' times."""
    # Litestream removes old ones, and those it has merged, as it goes.
    for facts in filter(None, map(_seen, _files(spec))):
        yield facts.st_mtime


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    os.umask(0o022)
    spec = json.loads(argv[0])
    try:
        found = standing(spec) if spec["do"] == "state" else restore(spec)
    except (Refuse, OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    tell(found)
    return 0
