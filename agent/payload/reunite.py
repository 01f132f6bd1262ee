"""Bring rows, vectors and files together again when only some of them were put back.

python3 -I - '{"do": "files", "place": {...}, "sets": ["unified_20250120_030000"], "stamp": "...", ...}'

`index`: move Chroma's index files aside, which it builds anew. `files`: bring back the files that rows name.
`settle`: what only some of the three know goes to the application's queue, which makes it a document
again, or is removed where it was deleted since. Whatever is taken away is kept in `drillyard-kept-STAMP`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.payload import dropped, durable, hnsw, rows, tarball, united, vectors
from agent.payload.durable import Refuse
from agent.payload.kept_set import KeptSet, Place, load
from agent.payload.owner import folder_of, ids
from agent.payload.swap import finish, swap
from agent.payload.telling import tell
from agent.payload.united import Link

_WORK = ".drillyard-mending"
_FEW = 3

_DROP = """\
import json, sys
import chromadb
told = json.load(sys.stdin)
found = chromadb.PersistentClient(told["folder"]).get_collection(told["collection"], embedding_function=None)
for at in range(0, len(told["ids"]), 1000):
    found.delete(ids=told["ids"][at:at + 1000])
"""


@dataclass(frozen=True)
class Job:
    """What is told to every verb: where, how they belong together, whose files, where the rest goes."""

    place: Place
    link: Link
    owner: str
    mode: int
    kept: Path

    @classmethod
    def of(cls, spec: dict[str, Any]) -> Job:
        """Read it."""
        place = Place.of(spec)
        kept = place.data / f"drillyard-kept-{spec['stamp']}"
        return cls(place, Link.of(spec), spec["owner"], int(spec.get("mode", "644"), 8), kept)

    def own(self, path: Path) -> None:
        """Give a file to the application's user, on the disk."""
        user, group = ids(self.owner) if self.owner else (-1, -1)
        os.chown(path, user, group)
        path.chmod(self.mode)
        durable.sync(path)


def index(job: Job) -> dict[str, Any]:
    """Move every index folder aside; Chroma builds them from its queue when it is asked the first time."""
    folder = job.place.live("chromadb")
    with rows.opened(folder / "chroma.sqlite3", still=False) as database:
        if vectors.purging(database):
            raise Refuse("expected Chroma's queue to be whole, found it purged: its index files are needed")
        count = sum(len(each) for each in vectors.collections(database).values())
        found = [folder / name for name in hnsw.segments(database) if (folder / name).exists()]
    if found:
        folder_of(job.kept, job.owner)
        swap(job.place.data, [(each, job.kept / each.name) for each in found])
    return {"kept": str(job.kept) if found else "", "vectors": count}


def files(job: Job, names: list[str]) -> dict[str, Any]:
    """Bring back each file that a row names and that is missing or changed, from the sets `names`."""
    place = job.place
    with rows.opened(place.live("sqlite"), still=False) as database:
        wanted = dict(united.rows_of(database, job.link).values())
    folder = place.live("files")
    lacking = {
        name: total
        for name, total in wanted.items()
        if not (folder / name).is_file() or durable.digest(folder / name) != total
    }
    with durable.scratch(place.data / _WORK) as work:
        found = _fetched(place, names, lacking, work)
        moves = []
        for name in found:
            job.own(work / name)
            if (folder / name).exists() or (folder / name).is_symlink():
                folder_of(job.kept, job.owner)
                folder_of((job.kept / place.files / name).parent, job.owner)
                moves.append((folder / name, job.kept / place.files / name))
            moves.append((work / name, folder / name))
        if not folder.exists():
            folder.mkdir(mode=0o755)
            user, group = ids(job.owner) if job.owner else (-1, -1)
            os.chown(folder, user, group)
        swap(place.data, moves)
    lost = sorted(set(lacking) - set(found))
    return {"restored": len(found), "lost": lost[:20], "lost_count": len(lost), "kept": str(job.kept)}


def _fetched(place: Place, names: list[str], lacking: dict[str, str], work: Path) -> list[str]:
    """Unpack what is lacking below `work`, each file once, from the newest set that has it."""
    archives: dict[Path, dict[str, str]] = {}
    left = dict(lacking)
    for name in names:
        try:
            kept = load(place, name)
            for file in [each for each in left if _sum(kept, each) == left[each]]:
                archives.setdefault(_archive(place, kept, file), {})[file] = left.pop(file)
        except Refuse:
            # A set whose line is broken: an older one may have it too.
            continue
    found = []
    for path, here in archives.items():
        try:
            for entry, content in tarball.members(path):
                name = entry.name.partition("/")[2]
                if name in here and entry.name == f"{place.files}/{name}":
                    target = work / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content.read())
                    if durable.digest(target) == here[name]:
                        found.append(name)
        except Refuse as error:
            if str(error).startswith(durable.UNABLE):
                raise
            sys.stderr.write(f"{error}\n")
    return found


def _sum(kept: KeptSet, name: str) -> str:
    part = kept.parts.get("files")
    return str(part.holds["files"].get(name, ["", "", ""])[2]) if part else ""


def _archive(place: Place, kept: KeptSet, name: str) -> Path:
    """Return the archive that holds a file of a set: an increment has only what its parent had not."""
    total = _sum(kept, name)
    while kept.parent:
        before = load(place, kept.parent)
        # Whatever its time: content that the parent had was not written again.
        if _sum(before, name) != total:
            break
        kept = before
    return place.backups / kept.parts["files"].path


def settle(job: Job, spec: dict[str, Any]) -> dict[str, Any]:
    """Have the application make documents again of what only some of the three know, from the PDF files.

    A row that has neither vector nor file was deleted since its backup, and goes; so does a vector that has
    neither row nor file; both are written down first. A file that neither knows was never acknowledged: it is
    moved aside. So is that of a document that waits, as nobody would remove it where a newer one takes its
    place in the queue.

    Raises:
        Refuse: so many files belong to no document that rows and vectors were lost; nothing was touched.
    """
    place, link = job.place, job.link
    with rows.opened(place.live("sqlite"), still=False) as database:
        known = united.rows_of(database, link)
    with rows.opened(place.database_of("chromadb"), still=False) as chroma:
        noted = vectors.noted(chroma, link.collection)
    folder = place.live("files")
    there = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    sums = {durable.digest(path): path for path in there}
    queue = place.data / str(spec.get("queue", "queue"))
    waiting = {path.stem for path in queue.glob("[!.]*.json")}
    again: dict[str, tuple[str, Path]] = {}
    rows_gone, vectors_gone, lost = [], [], []
    for name in sorted({*known, *noted} - waiting):
        total = noted[name].get("sha256", "") if name in noted else known[name][1]
        if name in known and name in noted and known[name][1] == total:
            continue
        # What Chroma knows is newer, or the row is: whichever has its file is what there was at the end.
        path = sums.get(total) or (sums.get(known[name][1]) if name in known else None)
        if path is not None:
            again[name] = (str(noted.get(name, {}).get("name", name)), path)
        elif name in noted and name not in known:
            vectors_gone.append(name)
        elif name in known and name not in noted:
            rows_gone.append(name)
        else:
            lost.append(name)
    meant = {folder / name for name, _ in known.values()}
    strays = sorted(set(there) - meant - {path for _, path in again.values()})
    if len(strays) > max(_FEW, len(there) // 10):
        raise Refuse(
            f"expected the files that no row and no vector knows to be few, found that {len(strays)} of "
            f"{len(there)} files belong to no document: rows and vectors were both lost, and only a whole "
            "set brings them back (the page unified_restore); nothing was touched"
        )
    queued = _queue(job, again, queue)
    _aside(job, [path for path in there if path not in meant])
    _drop_rows(job, rows_gone)
    _drop_vectors(job, vectors_gone, spec)
    told = {"queued": queued, "rows_gone": rows_gone, "vectors_gone": vectors_gone, "lost": lost}
    told["strays"] = [path.name for path in strays]
    found: dict[str, Any] = {name: len(each) for name, each in told.items()}
    kept = str(job.kept) if job.kept.exists() else ""
    return {**found, "named": {name: each[:20] for name, each in told.items()}, "kept": kept}


def _queue(job: Job, again: dict[str, tuple[str, Path]], folder: Path) -> list[str]:
    """Lay documents into the application's queue: the PDF first, its note last, as the application does."""
    folder.mkdir(exist_ok=True)
    for key, (title, path) in again.items():
        pdf, note = folder / f"{key}.pdf", folder / f"{key}.json"
        durable.write(pdf, path.read_bytes())
        job.own(pdf)
        durable.write(note, json.dumps({"id": key, "name": title, "since": time.time()}).encode())
        job.own(note)
    return sorted(again)


def _aside(job: Job, found: list[Path]) -> None:
    """Move files that belong to no row into the folder of what is kept."""
    if found:
        names = [path.relative_to(job.place.data) for path in found]
        folder_of(job.kept, job.owner)
        for name in names:
            folder_of((job.kept / name).parent, job.owner)
        swap(job.place.data, [(job.place.data / name, job.kept / name) for name in names])


def _drop_rows(job: Job, names: list[str]) -> None:
    if names:
        link, path = job.link, job.place.live("sqlite")
        folder_of(job.kept, job.owner)
        job.own(dropped.keep_rows(path, link, names, job.kept))
        with closing(sqlite3.connect(path, timeout=20)) as database:
            words = f'DELETE FROM "{link.table}" WHERE "{link.key}" = ?'
            database.executemany(words, [(name,) for name in names])
            database.commit()


def _drop_vectors(job: Job, names: list[str], spec: dict[str, Any]) -> None:
    """Have Chroma itself remove vectors: only it keeps its index and its queue together."""
    words = spec.get("chroma_python", [])
    if not names:
        return
    if not words:
        raise Refuse(
            f"expected a way to ask Chroma (chroma_python), found none; {len(names)} vectors lack a row"
        )
    folder = job.place.live("chromadb")
    inside = str(Path(spec["seen"]) / folder.relative_to(job.place.data)) if spec.get("seen") else str(folder)
    told = {"folder": inside, "collection": job.link.collection, "ids": names}
    folder_of(job.kept, job.owner)
    job.own(dropped.keep_vectors(job.place.database_of("chromadb"), job.link, names, job.kept))
    done = subprocess.run(
        [*words, "-c", _DROP], input=json.dumps(told).encode(), capture_output=True, timeout=900, check=False
    )
    if done.returncode:
        raise Refuse(f"Chroma did not remove {len(names)} vectors: {done.stderr.decode()[-200:]}")


def main(argv: list[str]) -> int:
    """Do what the JSON in the first argument says; 0, or 1 with a sentence on standard error."""
    os.umask(0o022)
    spec = json.loads(argv[0])
    try:
        job = Job.of(spec)
        finish(job.place.data)
        if spec["do"] == "index":
            found = index(job)
        elif spec["do"] == "files":
            found = files(job, spec["sets"])
        else:
            found = settle(job, spec)
    except (Refuse, OSError, sqlite3.Error, subprocess.SubprocessError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    tell(found)
    return 0
