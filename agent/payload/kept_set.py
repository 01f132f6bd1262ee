"""A set of backup files of one instant: where each lies, and the manifest that says what they hold.

    <backups>/sqlite/{daily,weekly,incremental}/refserver_2025-01-20_daily.db.gz
    <backups>/chromadb/{daily,weekly,snapshots}/chromadb_20250120_030000_full.tar.gz
    <backups>/pdfs/{daily,weekly,incremental}/pdfs_20250120_030000_full.tar.gz
    <backups>/metadata/unified_20250120_030000.json

A full set stands alone. An hourly one holds what changed since the set before it, its `parent`.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.payload.durable import Refuse, wrong

VERSION = 1
FULL, INCREMENT = "full", "increment"
KINDS = ("daily", "weekly", "hourly")


@dataclass(frozen=True)
class Place:
    """What lies where: `data` is the application's folder, `backups` that of its backups.

    `database`, `chroma` and `files` are names below `data` ("" = it has none of that).
    """

    data: Path
    backups: Path
    database: str = "refserver.db"
    chroma: str = "chromadb"
    files: str = "pdfs"

    @classmethod
    def of(cls, spec: dict[str, Any]) -> Place:
        """Return what a program was told under `place`."""
        said = dict(spec["place"])
        return cls(Path(said.pop("data")), Path(said.pop("backups")), **said)

    @property
    def elements(self) -> tuple[str, ...]:
        """Return which of sqlite, chromadb and files there are."""
        named = {"sqlite": self.database, "chromadb": self.chroma, "files": self.files}
        return tuple(name for name, said in named.items() if said)

    def live(self, element: str) -> Path:
        """Return where an element's data is: a file for sqlite, else a folder."""
        named = {"sqlite": self.database, "chromadb": self.chroma, "files": self.files}
        return self.data / named[element]

    def database_of(self, element: str) -> Path:
        """Return the SQLite file that an element is, or is built from."""
        return self.live(element) / "chroma.sqlite3" if element == "chromadb" else self.live(element)


def path_of(place: Place, element: str, kind: str, taken: float, form: str, end: str = "") -> Path:
    """Return where an element's file of a new set goes; the host's own time stands in its name."""
    local = time.localtime(taken)
    stamp, day = time.strftime("%Y%m%d_%H%M%S", local), time.strftime("%Y-%m-%d", local)
    if element == "sqlite":
        stem, tier = place.database.rpartition(".")[0] or place.database, "incremental"
        name = f"{stem}_{day}_{kind}.db.gz"
        if form == INCREMENT or kind == "hourly":
            name = f"{stem}_{stamp}_{'incremental.tar.gz' if form == INCREMENT else 'full.db.gz'}"
    else:
        label = {"chromadb": place.chroma, "files": place.files}[element]
        tier = "snapshots" if element == "chromadb" else "incremental"
        name = f"{label}_{stamp}_{'incremental' if form == INCREMENT else FULL}.tar.gz"
    folder = {"sqlite": "sqlite", "chromadb": "chromadb", "files": place.files}[element]
    path = place.backups / folder / (tier if kind == "hourly" else kind) / f"{name}{end}"
    # A second one of the same day does not push the first one out.
    return path if not path.exists() else path.with_name(path.name.replace(day, f"{day}_{stamp[9:]}", 1))


@dataclass(frozen=True)
class Part:
    """One file of a set; `holds` is what it holds once everything before it is in place.

    `sum` is the SHA-256 of the SQLite file it leads to ("" for files), `unpacked` are that one's bytes (0 =
    not told).
    """

    path: str
    bytes: int
    sha256: str
    form: str
    sum: str = ""
    unpacked: int = 0
    holds: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptSet:
    """A manifest: a set's id, kind, instant (seconds since 1970), parent, and its parts by element.

    `united` are what is wrong between the elements (nothing = every row has its vector and file, and no
    vector or file lacks its row). `bond` is what `bond_of` gave when rows, vectors and soundness were read
    from the very databases whose SHA-256 stand in the parts ("" = they have to be read again).
    """

    id: str
    kind: str
    taken: float
    parent: str
    parts: dict[str, Part]
    united: dict[str, list[str]]
    paused: float = 0.0
    bond: str = ""

    @property
    def json(self) -> bytes:
        """The manifest's text."""
        told = {"version": VERSION, **self.__dict__}
        told["parts"] = {name: part.__dict__ for name, part in self.parts.items()}
        # A name that is not UTF-8 keeps its very bytes: JSON has an escape for each of them.
        return json.dumps(told, indent=1, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def bond_of(kept: KeptSet, link: dict[str, str]) -> str:
    """Return a SHA-256 of what a manifest says is in which bytes, as `link` sees them together."""
    parts = {name: [part.sum, part.unpacked, part.holds] for name, part in kept.parts.items()}
    told = [kept.id, kept.taken, link, kept.united, parts]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def manifest(place: Place, name: str) -> Path:
    """Return where the manifest of a set lies; raises Refuse where the id is no id."""
    if not name.replace("_", "").isalnum() or not name.isascii():
        raise Refuse(f"expected the id of a backup, found {name!r}")
    return place.backups / "metadata" / f"{name}.json"


def load(place: Place, name: str) -> KeptSet:
    """Read a set's manifest.

    Raises:
        Refuse: it is not there, or says what cannot be true.
    """
    path = manifest(place, name)
    try:
        told = json.loads(path.read_bytes())
        if told.pop("version") != VERSION or told["id"] != name:
            raise Refuse(f"{path.name} is of another version, or of {told['id']}")
        parts = {element: Part(**said) for element, said in told.pop("parts").items()}
        found = KeptSet(**told, parts=parts)
    except FileNotFoundError:
        raise Refuse(f"{path} is not there") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refuse(f"{path} is no manifest: {error}") from None
    for part in found.parts.values():
        inside = Path(part.path)
        if inside.is_absolute() or ".." in inside.parts:
            raise Refuse(f"{path.name} names a file outside of the backups: {part.path}")
    return found


def chain(place: Place, name: str) -> list[KeptSet]:
    """Return a set with those it goes on from, the full one first.

    Raises:
        Refuse: one of them is missing, or they lead in a circle.
    """
    found = [load(place, name)]
    while found[0].parent:
        if found[0].parent in {each.id for each in found}:
            raise Refuse(f"{found[0].id} goes on from itself")
        try:
            found.insert(0, load(place, found[0].parent))
        except Refuse as error:
            raise Refuse(f"{found[0].id} is an increment without its base: {error}") from None
    return found


def faults(place: Place, kept: KeptSet, elements: tuple[str, ...] = ()) -> str:
    """Return what is wrong with a set's files by size, sum and sidecar; empty where nothing is."""
    for element, part in kept.parts.items():
        if not elements or element in elements:
            found = wrong(place.backups / part.path, part.bytes, part.sha256)
            if found:
                return found
    return ""
