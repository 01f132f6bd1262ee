"""A set of backup files made into data again, in a folder of its own, and held to what its manifest says."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.payload import rows, tarball, united, vectors
from agent.payload.durable import Refuse
from agent.payload.fold import fold
from agent.payload.kept_set import FULL, KeptSet, Place, bond_of, faults
from agent.payload.united import Link

_BLOCK = 4096


def needs(place: Place, sets: list[KeptSet], element: str, proved: int = 0) -> int:
    """Return how many bytes an element takes up when it is unfolded, from above; `proved` as in `unfold`."""
    last = sets[-1].parts[element]
    if element == "files":
        return _needs_of_files(sets, proved)
    if last.unpacked:
        return max(last.unpacked, *(each.parts[element].unpacked for each in sets))
    # A .gz ends with the size of what it holds, up to 4 GiB; zeros can make it a thousandfold.
    path = place.backups / sets[0].parts[element].path
    told = int.from_bytes(path.read_bytes()[-4:], "little")
    while told < path.stat().st_size // 2:
        told += 1 << 32
    return told + sum(20 * each.parts[element].bytes for each in sets[1:])


def _needs_of_files(sets: list[KeptSet], proved: int) -> int:
    """Count each name once, as large as it ever was: what a later set brings takes its place."""
    before = sets[proved - 1].parts["files"].holds["files"] if proved else {}
    sizes: dict[str, int] = {}
    for holds in (each.parts["files"].holds for each in sets[proved:]):
        for name, (size, _, total) in (*holds["files"].items(), *holds.get("waiting", {}).items()):
            if name not in before or before[name][2] != total:
                sizes[name] = max(int(size), sizes.get(name, 0))
    return sum(sizes.values()) + _BLOCK * len(sizes)


def unfold(place: Place, sets: list[KeptSet], element: str, folder: Path, proved: int = 0) -> Path:
    """Make an element of the last of `sets` below `folder`, not yet synced, and return where it is.

    Of files only those that are not in the first `proved` sets: these have been held to their manifests, and
    are the same bytes still. A database needs all of them.

    Raises:
        Refuse: a file is not what it should be; the sentence says which and why.
    """
    for each in sets[proved if element == "files" else 0 :]:
        why = faults(place, each, (element,))
        if why:
            raise Refuse(why)
        path = place.backups / each.parts[element].path
        taken = tarball.moment(path)
        if taken != int(each.taken):
            older = "older" if taken < each.taken else "newer"
            raise Refuse(
                f"{path.name} is {older} than it says: it was taken {abs(taken - int(each.taken))} s apart"
            )
    if sets[0].parts[element].form != FULL:
        raise Refuse(f"{sets[0].id} is an increment without its base")
    if element == "files":
        return _files(place, sets, folder, proved)
    return _database(place, sets, element, folder)


def _database(place: Place, sets: list[KeptSet], element: str, folder: Path) -> Path:
    parts = [each.parts[element] for each in sets]
    first, *others = [place.backups / part.path for part in parts]
    if element == "sqlite":
        found = target = folder / place.database
        source = tarball.unzipping(first)
    else:
        found = folder / place.chroma
        target = found / "chroma.sqlite3"
        source = _alone(first, f"{place.chroma}/{target.name}")
    target.parent.mkdir(parents=True, exist_ok=True)
    total = fold(source, parts[0].sum, [*zip(others, (part.sum for part in parts[1:]))], target)
    # Each increment says what it goes on from and leads to: the last sum vouches for all of them.
    _held(sets[-1], element, total)
    return found


def _alone(archive: Path, name: str) -> Iterator[bytes]:
    """Yield what the one file in an archive holds; raises Refuse where it has another name or company."""
    seen = ""
    for entry, content in tarball.members(archive):
        if entry.name != name or seen:
            raise Refuse(f"{archive.name} should hold {name} alone, found {entry.name}")
        seen = name
        while block := content.read(1 << 20):
            yield block
    if not seen:
        raise Refuse(f"{archive.name} should hold {name} alone, found nothing")


def _held(each: KeptSet, element: str, total: str) -> None:
    if total != each.parts[element].sum:
        raise Refuse(
            f"what {Path(each.parts[element].path).name} unpacks to is not the database it was made of"
        )


def _files(place: Place, sets: list[KeptSet], folder: Path, proved: int) -> Path:
    found = folder / place.files
    found.mkdir(parents=True)
    sums: dict[str, str] = {}
    if proved:
        before = sets[proved - 1].parts["files"].holds["files"]
        sums = {f"{place.files}/{name}": said[2] for name, said in before.items()}
    for each in sets[proved:]:
        sums.update(tarball.unpack(place.backups / each.parts["files"].path, folder))
    holds = sets[-1].parts["files"].holds
    wanted = {f"{place.files}/{name}": said for name, said in holds["files"].items()}
    wanted |= holds.get("waiting", {})
    for name, (_, _, total) in wanted.items():
        if sums.get(name) != total:
            what = "is not the file it was made of" if name in sums else "is missing"
            raise Refuse(f"{name} of {sets[-1].id} {what}")
    for name in set(sums) - set(wanted):
        (folder / name).unlink(missing_ok=bool(proved))
    return found


def vouched(kept: KeptSet, link: Link) -> bool:
    """Return whether what was unfolded is known to hold what its manifest says, by its SHA-256 alone.

    It has that SHA-256, or it would not have been unfolded; and what the manifest says was read from bytes
    of that SHA-256 when they were taken, which SQLite called sound.
    """
    return bool(kept.bond) and kept.bond == bond_of(kept, link.__dict__)


def differs(kept: KeptSet, element: str, found: Path) -> str:
    """Return in which way what was unfolded is not what its manifest says; empty where it is the same.

    Files were held to it while they were unfolded.
    """
    if element == "files":
        return ""
    path = found / "chroma.sqlite3" if element == "chromadb" else found
    try:
        with rows.opened(path) as database:
            return rows.unsound(database, keys=element == "sqlite") or _content(kept, element, database)
    except (sqlite3.Error, Refuse) as error:
        return str(error)


def _content(kept: KeptSet, element: str, database: sqlite3.Connection) -> str:
    said = kept.parts[element].holds
    if element == "chromadb":
        found: dict[str, Any] = {
            name: vectors.told(each) for name, each in vectors.collections(database).items()
        }
        return _other("collection", said["collections"], found)
    if rows.schema(database) != said["schema"]:
        return "its schema is not the one in its manifest"
    return _other("table", said["tables"], rows.tables(database, rows.by_of(said["tables"])))


def _other(what: str, said: dict[str, Any], found: dict[str, Any]) -> str:
    for name in sorted({*said, *found}):
        if said.get(name) != found.get(name):
            return f"{what} {name} does not hold what its manifest says"
    return ""


def apart(kept: KeptSet, link: Link, found: dict[str, Path]) -> str:
    """Return what is not united in what was unfolded, beyond what its manifest already says."""
    if "sqlite" not in found or len(found) < 2:
        return ""
    with rows.opened(found["sqlite"]) as database:
        known = united.rows_of(database, link)
    ids = None
    if "chromadb" in found:
        with rows.opened(found["chromadb"] / "chroma.sqlite3") as chroma:
            ids = set(vectors.collections(chroma).get(link.collection, {}))
    held = kept.parts["files"].holds["files"] if "files" in found else None
    sums = None if held is None else {name: str(each[2]) for name, each in held.items()}
    now = united.apart(known, ids, sums)
    return "" if now == kept.united else united.said(now)
