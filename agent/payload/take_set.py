"""Take a set of backup files of one instant while the application writes on.

python3 -I - '{"kind": "daily", "now": 1737342000, "place": {"data": "/data", ...}, ...}'
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from agent.payload import durable, pages, rows, sealed, states, tarball, united, vectors
from agent.payload.durable import Refuse
from agent.payload.gate import paused
from agent.payload.gently import step_back
from agent.payload.kept_set import FULL, INCREMENT, KeptSet, Part, Place, bond_of, load, manifest, path_of
from agent.payload.second_names import linked, listed, near
from agent.payload.telling import tell
from agent.payload.united import Link

_STAGE = ".drillyard-taking"
_FILES, _WAITING = "files", "waiting"

Seen = tuple[Optional[dict[str, tuple[str, str]]], Optional[set[str]]]
"""File and sum by row's id, and the ids of vectors; None where they are not asked for."""


@dataclass(frozen=True)
class Order:
    """What is to be taken: kind, moment, the set it goes on from (None = it stands alone), how to zip.

    `seal_to` are the public keys it is sealed for (none = it lies in the clear). `nice` and `io` are how far
    it steps back behind others once the application writes again. `queue` is the folder of accepted uploads
    that wait ("" = there is none). `began` is when it was asked for, by the clock that only goes forward.
    """

    place: Place
    link: Link
    kind: str
    now: float
    parent: KeptSet | None
    level: int = 3
    within: float = 15.0
    seal_to: tuple[str, ...] = ()
    nice: int = 0
    io: str = ""
    queue: str = ""
    began: float = 0.0

    @property
    def form(self) -> str:
        """Whether it is full or an increment."""
        return INCREMENT if self.parent else FULL


@dataclass(frozen=True)
class Instant:
    """The copies of one instant in the staging folders, and how long the application was held for them.

    `at` is that instant (seconds since 1970), by the clock of whoever asked for it.
    """

    at: float
    copies: dict[str, Path]
    files: dict[str, tuple[int, int]]
    waiting: dict[str, tuple[int, int]]
    held: float


def take(spec: dict[str, Any]) -> dict[str, Any]:
    """Take what `spec` says and return its manifest's figures.

    Raises:
        Refuse: no room, the application did not pause, or what it has is damaged; nothing was kept.
    """
    began, place = time.monotonic(), Place.of(spec)
    metadata = place.backups / "metadata"
    metadata.mkdir(parents=True, exist_ok=True, mode=0o750)
    with _alone(metadata / ".take.lock"):
        _sweep(place)
        parent = _parent(place, spec.get("parent", ""))
        more = {name: spec[name] for name in ("level", "within", "nice", "io", "queue") if name in spec}
        order = Order(place, Link.of(spec), spec["kind"], float(spec["now"]), parent, **more)
        order = replace(order, seal_to=tuple(spec.get("seal_to", ())), began=began)
        _room(order)
        with (
            durable.scratch(place.backups / _STAGE) as stage,
            durable.scratch(near(place, place.live("files")) / _STAGE) as files,
            durable.scratch(near(place, place.data / order.queue) / _STAGE) as waiting,
        ):
            links = {_FILES: files, _WAITING: waiting}
            instant = _instant(order, stage, links)
            try:
                return _kept(order, instant, links)
            except BaseException:
                # What was written of it may be what fills the disk.
                _sweep(place)
                raise


def _kept(order: Order, instant: Instant, links: dict[str, Path]) -> dict[str, Any]:
    place, stamp = order.place, time.strftime("%Y%m%d_%H%M%S", time.localtime(order.now))
    prefix = "unified" if len(place.elements) > 1 else place.elements[0]
    name = f"{prefix}_{stamp}"
    if manifest(place, name).exists():
        raise Refuse(f"expected no backup {name} yet, found one of that very second")
    end = sealed.END if order.seal_to else ""
    paths = {each: path_of(place, each, order.kind, order.now, order.form, end) for each in place.elements}
    intent = place.backups / "metadata" / ".taking.json"
    durable.write(intent, json.dumps({"id": name, "paths": [str(each) for each in paths.values()]}).encode())
    partials = {element: path.with_name(f"{path.name}.partial") for element, path in paths.items()}
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    now = _sound(instant.copies)
    holds, seen = _written(order, instant, now, partials)
    if place.files:
        holds["files"] = _files(order, instant, links, partials["files"])
    parts: dict[str, Part] = {}
    for element, path in paths.items():
        size, total = durable.settle(partials[element], path)
        told = str(path.relative_to(place.backups))
        led_to = (now[element].sha256, now[element].size) if element in now else ("", 0)
        parts[element] = Part(told, size, total, order.form, *led_to, holds[element])
    kept = KeptSet(
        id=name,
        kind=order.kind,
        taken=instant.at,
        parent=order.parent.id if order.parent else "",
        parts=parts,
        united=_apart(seen, holds),
        paused=round(instant.held, 4),
    )
    kept = replace(kept, bond=bond_of(kept, order.link.__dict__))
    for element, found in now.items():
        states.remember(place, element, found.store(name), order.parent)
    return _named(place, kept, intent)


def _named(place: Place, kept: KeptSet, intent: Path) -> dict[str, Any]:
    path = manifest(place, kept.id)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(kept.json)
    # With its manifest a set is there; without it, what was taken is swept away by the next one.
    size, total = durable.settle(partial, path)
    intent.unlink()
    return {"path": str(path), "bytes": size, "sha256": total, **summary(place, kept)}


def summary(place: Place, kept: KeptSet) -> dict[str, Any]:
    """Return what a history says of a set, besides its manifest's own file."""
    return {
        "id": kept.id,
        "kind": kept.kind,
        "taken": kept.taken,
        "parent": kept.parent,
        "paused": kept.paused,
        "parts": [
            {"path": str(place.backups / part.path), "bytes": part.bytes, "sha256": part.sha256}
            for part in kept.parts.values()
        ],
        "contents": contents(kept),
        "apart": united.said(kept.united),
    }


def contents(kept: KeptSet) -> dict[str, int]:
    """Return how many rows, vectors and files a set holds."""
    found: dict[str, int] = {}
    for element, part in kept.parts.items():
        if element == "sqlite":
            found["rows"] = sum(int(each["rows"]) for each in part.holds["tables"].values())
        elif element == "chromadb":
            found["vectors"] = sum(int(each["vectors"]) for each in part.holds["collections"].values())
        else:
            found["files"] = len(part.holds["files"])
            if waiting := sum(name.endswith(".json") for name in part.holds.get("waiting", ())):
                found["waiting"] = waiting
    return found


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refuse("another backup is being taken right now; nothing was begun") from None
        yield


def _sweep(place: Place) -> None:
    """Remove what a killed one left: it never got its manifest."""
    intent = place.backups / "metadata" / ".taking.json"
    try:
        told = json.loads(intent.read_bytes())
    except (OSError, ValueError):
        told = {"id": "", "paths": []}
    if told["id"] and not manifest(place, told["id"]).exists():
        for path in map(Path, (*told["paths"], str(manifest(place, told["id"])))):
            for name in ("{}", "{}.sha256", "{}.partial", ".{}.sha256.new"):
                path.with_name(name.format(path.name)).unlink(missing_ok=True)
    intent.unlink(missing_ok=True)
    for path in (place.backups / "metadata").glob("*.json.partial"):
        path.unlink()


def _parent(place: Place, name: str) -> KeptSet | None:
    """Return the set to go on from, where its pages are still known; else what is taken stands alone."""
    try:
        found = load(place, name) if name else None
    except Refuse:
        return None
    for element in place.elements:
        part = found.parts.get(element) if found else None
        if part is None or (element != "files" and not states.known(place, element, name, part.sum)):
            return None
    return found


def _room(order: Order) -> None:
    place, needs = order.place, 0
    for element in place.elements:
        live = place.live(element)
        if element == "files":
            known = order.parent.parts["files"].holds["files"] if order.parent else {}
            needs += sum(size for name, (size, _) in listed(live).items() if known.get(name, [-1])[0] != size)
            needs += sum(size for size, _ in listed(place.data / order.queue).values()) if order.queue else 0
        elif not place.database_of(element).is_file():
            raise Refuse(f"expected {place.database_of(element)}, found no such file; nothing was taken")
        else:
            needs += 2 * place.database_of(element).stat().st_size
    durable.room(place.backups, needs, "a backup")


def _instant(order: Order, stage: Path, links: dict[str, Path]) -> Instant:
    place, copies, files, waiting = order.place, {}, {}, {}
    with ExitStack() as stack:
        with paused(place.data, order.within):
            began = time.monotonic()
            at = order.now + began - order.began
            if place.database:
                source = stack.enter_context(rows.opened(place.live("sqlite"), still=False))
                # From here on this connection sees this instant, however long its copy takes.
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if place.chroma:
                copies["chromadb"] = stage / "chroma.sqlite3"
                with rows.opened(place.database_of("chromadb"), still=False) as chroma:
                    _refuse_purging(chroma)
                    _copied(chroma, copies["chromadb"])
            if place.files:
                files = linked(place.live("files"), links[_FILES])
                waiting = linked(place.data / order.queue, links[_WAITING]) if order.queue else {}
            held = time.monotonic() - began
        # Not before: whoever waits for us writes nothing meanwhile.
        step_back(order.nice, order.io)
        if place.database:
            copies["sqlite"] = stage / place.database
            _copied(source, copies["sqlite"])
    return Instant(at, copies, files, waiting, held)


def _copied(source: sqlite3.Connection, into: Path) -> None:
    with closing(sqlite3.connect(into)) as copy:
        # It is read once and thrown away.
        copy.execute("PRAGMA synchronous = OFF")
        source.backup(copy)


def _refuse_purging(chroma: sqlite3.Connection) -> None:
    if vectors.purging(chroma):
        raise Refuse(
            "PURGING: expected Chroma to keep its queue (automatically_purge false), found it purged, "
            "so that its index files are the only copy of its vectors and no copy of them is consistent"
        )


def _sound(copies: dict[str, Path]) -> dict[str, pages.Pages]:
    """Return the pages of the copies, which SQLite checks meanwhile; raises Refuse where one is damaged."""
    with ThreadPoolExecutor(1) as beside:
        checked = {element: beside.submit(_unsound, element, copy) for element, copy in copies.items()}
        found = {element: pages.read(copy) for element, copy in copies.items()}
        for element, check in checked.items():
            if why := check.result():
                raise Refuse(
                    f"DAMAGED: expected the running {element} to be sound, found {why}; nothing was kept"
                )
    return found


def _unsound(element: str, copy: Path) -> str:
    with rows.opened(copy) as database:
        return rows.unsound(database, keys=element == "sqlite")


def _written(
    order: Order, instant: Instant, now: dict[str, pages.Pages], partials: dict[str, Path]
) -> tuple[dict[str, dict[str, Any]], Seen]:
    """Write the databases' files, and read beside it what they hold, and what of it belongs together."""
    holds: dict[str, dict[str, Any]] = {}
    copies = instant.copies
    known, ids = None, None
    with ThreadPoolExecutor(1) as beside:
        written = [
            beside.submit(_database, order, instant, element, now[element], partials[element])
            for element in copies
        ]
        if "sqlite" in copies:
            with rows.opened(copies["sqlite"]) as database:
                holds["sqlite"] = {"schema": rows.schema(database), "tables": rows.tables(database)}
                known = united.rows_of(database, order.link) if len(order.place.elements) > 1 else None
        if "chromadb" in copies:
            with rows.opened(copies["chromadb"]) as chroma:
                found = vectors.collections(chroma)
            holds["chromadb"] = {"collections": {name: vectors.told(each) for name, each in found.items()}}
            ids = set(found.get(order.link.collection, {}))
        for each in written:
            each.result()
    return holds, (known, ids)


def _database(order: Order, instant: Instant, element: str, now: pages.Pages, partial: Path) -> None:
    copy, taken = instant.copies[element], int(instant.at)
    with tarball.zipped(partial, order.level, taken, order.seal_to) as out:
        if order.parent:
            part = order.parent.parts[element]
            before = states.known(order.place, element, order.parent.id, part.sum)
            assert before is not None
            pages.write(out, copy, (before, now), taken)
        elif element == "sqlite":
            with copy.open("rb") as file:
                while block := file.read(1 << 20):
                    out.write(block)
        else:
            name = f"{order.place.chroma}/chroma.sqlite3"
            with tarball.writing(out) as tar, copy.open("rb") as file:
                tar.addfile(tarball.member(name, now.size, taken), file)


def _files(order: Order, instant: Instant, links: dict[str, Path], partial: Path) -> dict[str, Any]:
    """Write the files that the parent does not have, and what waits; return all with size, time, SHA-256."""
    held = _held_before(order, instant, links)
    needs = sum(size for name, (size, _) in instant.files.items() if name not in held)
    needs += sum(size for size, _ in instant.waiting.values())
    durable.room(order.place.backups, needs, "a backup")
    waiting: dict[str, list[Any]] = {}
    with tarball.zipped(partial, 1, int(instant.at), order.seal_to) as out, tarball.writing(out) as tar:
        for name, (_, changed) in sorted(instant.files.items()):
            if name not in held:
                told = f"{order.place.files}/{name}"
                held[name] = tarball.added(tar, links[_FILES] / name, told, changed)
        for name, (_, changed) in sorted(instant.waiting.items()):
            told = f"{order.queue}/{name}"
            waiting[told] = tarball.added(tar, links[_WAITING] / name, told, changed)
    return {"files": held, **({"waiting": waiting} if waiting else {})}


def _held_before(order: Order, instant: Instant, links: dict[str, Path]) -> dict[str, list[Any]]:
    """Return size, time and SHA-256 of each file that the parent's line has already.

    A file that has another time is read: after a restore all of them do, and are what they were.
    """
    known = order.parent.parts["files"].holds["files"] if order.parent else {}
    held: dict[str, list[Any]] = {}
    for name, (size, changed) in instant.files.items():
        before = known.get(name, [-1, 0, ""])
        same = before[:2] == [size, changed]
        if same or (before[0] == size and durable.digest(links[_FILES] / name) == before[2]):
            held[name] = [size, changed, before[2]]
    return held


def _apart(seen: Seen, holds: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    known, ids = seen
    if known is None:
        return {}
    files = {name: each[2] for name, each in holds["files"]["files"].items()} if "files" in holds else None
    return united.apart(known, ids, files)


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    os.umask(0o027)
    try:
        tell(take(json.loads(argv[0])))
    except (Refuse, OSError, sqlite3.Error) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
