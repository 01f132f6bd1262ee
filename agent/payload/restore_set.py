"""Put a set of backup files in the place of a stopped application's data, which is kept aside.

python3 -I - '{"id": "unified_20250120_030000", "elements": ["sqlite"], "owner": "1000:1000", ...}'

Everything is unfolded, compared with its manifest and on the disk before anything of the present is moved;
the moves are renames, written down first. The present state stays in `drillyard-kept-STAMP` beside it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agent.payload import durable, shipper, tarball
from agent.payload.durable import Refuse
from agent.payload.kept_set import KeptSet, Place, chain, faults
from agent.payload.owner import folder_of, ids
from agent.payload.swap import finish, pending, refuse_mounted, swap
from agent.payload.take_set import contents
from agent.payload.telling import tell
from agent.payload.unfold import apart, differs, needs, unfold, vouched
from agent.payload.united import Link
from agent.payload.waiting import back

_WORK = ".drillyard-restoring"


def restore(spec: dict[str, Any]) -> dict[str, Any]:
    """Put the elements of the set `id` in place; return where the present was kept and what is there now.

    Raises:
        Refuse: no room, or the set is not what its manifest says; nothing of the present was touched.
    """
    place = Place.of(spec)
    kept = place.data / f"drillyard-kept-{spec['stamp']}"
    if not spec.get("only_look"):
        if pending(place.data):
            _end_shipping(spec)
        finish(place.data)
    done = kept / "restored.json"
    if done.exists():
        # The same restore, asked for once more after its answer was lost.
        return dict(json.loads(done.read_bytes()))
    sets = chain(place, spec["id"])
    elements = [each for each in spec["elements"] or place.elements if each in sets[-1].parts]
    total = sum(needs(place, sets, element) for element in elements)
    durable.room(place.data, total, "what is restored beside the present state")
    for each in elements:
        refuse_mounted(place.live(each))
    if spec.get("only_look"):
        why = next((wrong for each in sets if (wrong := faults(place, each, tuple(elements)))), "")
        if why:
            raise Refuse(f"{sets[-1].id} is not used: {why}")
        for each in sets:
            for element in elements:
                # What is encrypted has to be opened with the key that was given.
                tarball.moment(place.backups / each.parts[element].path)
        return {}
    with durable.scratch(place.data / _WORK) as work:
        found = _unfolded(place, sets, spec, dict.fromkeys(elements, work))
        told = {"kept": str(kept), **_told(sets[-1], elements)}
        durable.write(work / ".restored", json.dumps(told).encode())
        own(work / ".restored", spec["owner"], 0o600)
        folder_of(kept, spec["owner"])
        moves = [(each, kept / each.name) for element in elements for each in present(place, element)]
        moves += [(path, place.live(element)) for element, path in found.items()]
        if set(found) == set(sets[-1].parts):
            moves += _waiting(place, work, kept, spec)
        if "sqlite" in found:
            _end_shipping(spec)
        swap(place.data, [*moves, (work / ".restored", done)])
    return told


def _waiting(place: Place, work: Path, kept: Path, spec: dict[str, Any]) -> Iterator[tuple[Path, Path]]:
    """Yield the renames that put accepted uploads back to wait: only beside the rows of that instant."""
    queue = spec.get("queue", "")
    if queue and (work / queue).is_dir():
        own(work / queue, spec["owner"], int(spec.get("mode", "644"), 8))
        folder_of(place.data / queue, spec["owner"])
        yield from back(work / queue, place.data / queue, kept)


def _end_shipping(spec: dict[str, Any]) -> None:
    """End what ships the database: it would go on from the one that is moved away."""
    if spec.get("ships"):
        shipper.end(spec["ships"])


def _unfolded(
    place: Place, sets: list[KeptSet], spec: dict[str, Any], work: dict[str, Path]
) -> dict[str, Path]:
    """Unfold each element beside the others, on the disk and its user's, and hold it to its manifest."""
    link, mode = Link.of(spec), int(spec.get("mode", "644"), 8)
    known = vouched(sets[-1], link)

    def ready(element: str) -> Path:
        path = unfold(place, sets, element, work[element])
        why = "" if known else differs(sets[-1], element, path)
        if why:
            raise Refuse(f"{sets[-1].id} is not used: {why}")
        own(path, spec["owner"], mode)
        return path

    with ThreadPoolExecutor(len(work)) as pool:
        found = dict(zip(work, pool.map(ready, work)))
    whole = set(found) == set(sets[-1].parts)
    why = apart(sets[-1], link, found) if whole and not known else ""
    if why:
        raise Refuse(f"{sets[-1].id} is not used: it is not united: {why}")
    return found


def present(place: Place, element: str) -> Iterator[Path]:
    """Yield what is in an element's place now, with what SQLite keeps beside a database: it is that one's."""
    live = place.live(element)
    beside = [live.with_name(live.name + end) for end in ("-wal", "-shm", "-journal")]
    for path in [live, *(beside if element == "sqlite" else [])]:
        if path.exists() or path.is_symlink():
            yield path


def own(path: Path, owner: str, mode: int) -> None:
    """Give what was restored to its user, with its mode, and have it on the disk."""
    user, group = ids(owner) if owner else (-1, -1)
    for each in [path, *(path.rglob("*") if path.is_dir() else [])]:
        os.chown(each, user, group)
        # Who may read a file may look into its folder.
        each.chmod(mode | ((mode & 0o444) >> 2) | 0o100 if each.is_dir() else mode)
        durable.sync(each)


def _told(last: KeptSet, elements: list[str]) -> dict[str, Any]:
    named = {"sqlite": "rows", "chromadb": "vectors", "files": "files"}
    held = contents(last)
    whole = set(elements) == set(last.parts)
    waits = {"waiting": held["waiting"]} if whole and "waiting" in held else {}
    return {
        "id": last.id,
        "taken": last.taken,
        "elements": elements,
        "contents": {named[each]: held[named[each]] for each in elements} | waits,
        "apart": [f"{kind}: {', '.join(names)}" for kind, names in last.united.items()],
    }


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    os.umask(0o027)
    try:
        tell(restore(json.loads(argv[0])))
    except (Refuse, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
