"""Chroma's index files of one collection, held against its queue: damage that Chroma is silent about.

header.bin: version (4 bytes), offset (8), capacity (8), elements (8), then the size of an element and where
in it the label and the vector stand, the top level and its element, how many links there are.
data_level0.bin: elements of link count (4), links (4 each), vector, label (8). link_lists.bin: for each
the bytes of its upper links (4), and those. length.bin: norms.
"""

from __future__ import annotations

import io
import math
import pickle
import sqlite3
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = ("header.bin", "data_level0.bin", "length.bin", "link_lists.bin", "index_metadata.pickle")
_NEAR = 1e-3
_UNREADABLE = (pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError, AttributeError)


class _Plain(pickle.Unpickler):
    """Reads numbers, texts and dictionaries, and nothing that would run."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def segments(database: sqlite3.Connection) -> dict[str, str]:
    """Return the folder of each vector index that was ever written out, with its collection's id."""
    rows = database.execute(
        "SELECT id, collection FROM segments WHERE scope = 'VECTOR' "
        "AND id IN (SELECT segment_id FROM max_seq_id WHERE seq_id > 0)"
    )
    return {str(segment): str(collection) for segment, collection in rows}


def damage(folder: Path, collection: str, database: sqlite3.Connection) -> str:
    """Return what is wrong with the index files in `folder`; empty where nothing is.

    What Chroma was not told yet, as it writes its files out every 1000 changes, is not missed.
    """
    if not folder.is_dir():
        return "its folder is not there"
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        return f"{', '.join(missing)} is not there"
    try:
        head = Head.of((folder / "header.bin").read_bytes())
        names = _names((folder / "index_metadata.pickle").read_bytes())
    except (struct.error, *_UNREADABLE) as error:
        return f"header.bin or index_metadata.pickle cannot be read: {error}"
    if not head.sensible or len(names) > head.count:
        return "header.bin makes no sense"
    data = (folder / "data_level0.bin").read_bytes()
    if len(data) < head.count * head.size:
        return f"data_level0.bin has {len(data)} bytes, {head.count} vectors need {head.count * head.size}"
    level, known = _Level(data, head), _known(database, collection)
    norms = array("f", _floats(folder / "length.bin", head.count))
    if len(norms) < head.count:
        return "length.bin is cut off"
    wrong = _links(folder, head) or _vectors(level, names, known)
    return wrong or (_lengths(level, names, known, norms) if cosine(database, collection) else "")


@dataclass(frozen=True)
class Head:
    """What header.bin says: elements and their size, where in one label and vector stand, the top level."""

    version: int
    offset: int
    capacity: int
    count: int
    size: int
    label: int
    start: int
    top: int
    entry: int
    most: int
    most_below: int
    links: int
    spread: float
    effort: int

    @classmethod
    def of(cls, data: bytes) -> Head:
        """Read it; raises struct.error where it is cut off."""
        return cls(*struct.unpack_from("<IQQQQQQiIQQQdQ", data))

    @property
    def sensible(self) -> bool:
        """Whether each number fits the others."""
        placed = (
            self.offset == 0
            and 0 < self.count <= self.capacity
            and 0 < self.start < self.label < self.size == self.label + 8
            and self.start == 4 + 4 * self.most_below
        )
        linked = (
            1 < self.most == self.links
            and self.most_below == 2 * self.most
            and math.isclose(self.spread, 1 / math.log(self.most))
            and self.most <= self.effort < 1 << 20
        )
        return placed and linked and self.version == 1 and 0 <= self.top < 64 and self.entry < self.count


def _names(data: bytes) -> dict[int, str]:
    """Return what index_metadata.pickle calls each label; it says so in both directions."""
    said = _Plain(io.BytesIO(data)).load()
    names = {int(number): str(name) for name, number in said["id_to_label"].items()}
    back = {int(number): str(name) for number, name in said["label_to_id"].items()}
    if names != back:
        raise ValueError("ids and labels do not fit each other")
    return names


def _links(folder: Path, head: Head) -> str:
    data, at = (folder / "link_lists.bin").read_bytes(), 0
    one = 4 + 4 * head.most
    for _ in range(head.count):
        size = int.from_bytes(data[at : at + 4], "little")
        at += 4
        if at + size > len(data) or size % one:
            return "link_lists.bin is cut off, or not what its own lengths say"
        for place in range(at, at + size, one):
            linked = int.from_bytes(data[place : place + 4], "little")
            if linked > head.most:
                return f"link_lists.bin has an element with {linked} links"
            if any(link >= head.count for link in struct.unpack_from(f"<{linked}I", data, place + 4)):
                return "link_lists.bin links to nothing"
        at += size
    return "" if at == len(data) else "link_lists.bin is not what its own lengths say"


def _floats(path: Path, count: int) -> bytes:
    data = path.read_bytes()[: 4 * count]
    return data[: len(data) // 4 * 4]


def _lengths(level: _Level, names: dict[int, str], known: dict[str, list[bytes]], norms: array[float]) -> str:
    """Return what is wrong with length.bin: by cosine, what each vector was divided by."""
    for (label, *_), norm in zip(level, norms):
        name = names.get(label)
        if name and not any(_close(norm, math.hypot(*array("f", each))) for each in known.get(name, [])):
            return f"length.bin holds a length of {name} that it never had"
    return ""


def _close(found: float, known: float) -> bool:
    return math.isclose(found, known, rel_tol=_NEAR)


def cosine(database: sqlite3.Connection, collection: str) -> bool:
    """Return whether a collection measures by cosine: its index then holds vectors of length 1."""
    columns = {row[1] for row in database.execute("PRAGMA table_info(collections)")}
    for column in ("schema_str", "config_json_str"):
        if column in columns:
            row = database.execute(
                f"SELECT {column} FROM collections WHERE id = ?",
                (collection,),
            ).fetchone()
            if row and row[0] and '"space":"cosine"' in str(row[0]).replace(" ", ""):
                return True
    row = database.execute(
        "SELECT str_value FROM collection_metadata WHERE collection_id = ? AND key = 'hnsw:space'",
        (collection,),
    ).fetchone()
    return bool(row and row[0] == "cosine")


class _Level:
    """The bottom level: every vector with its links."""

    def __init__(self, data: bytes, head: Head) -> None:
        self.data, self.count, self.size = data, head.count, head.size
        self.label, self.start = head.label, head.start

    def __iter__(self) -> Iterator[tuple[int, int, tuple[int, ...], bytes]]:
        """Yield label, link count, links and vector of each element."""
        for number in range(self.count):
            at = number * self.size
            linked = int.from_bytes(self.data[at : at + 2], "little")
            room = (self.start - 4) // 4
            links = struct.unpack_from(f"<{min(linked, room)}I", self.data, at + 4)
            vector = self.data[at + self.start : at + self.label]
            yield int.from_bytes(self.data[at + self.label : at + self.size], "little"), linked, links, vector


def _vectors(level: _Level, names: dict[int, str], known: dict[str, list[bytes]]) -> str:
    room, seen = (level.start - 4) // 4, set()
    for label, linked, links, vector in level:
        if linked > room or any(link >= level.count for link in links):
            return f"data_level0.bin has an element with {linked} links, or links to nothing"
        if linked == 0 and level.count > 1:
            return "data_level0.bin has an element that nothing leads to or from"
        name = names.get(label)
        if name is None:
            continue
        seen.add(name)
        if not any(_same(vector, each) for each in known.get(name, [])):
            return f"data_level0.bin holds a vector of {name} that it never had"
    lost = set(names.values()) - seen
    return f"data_level0.bin lacks {len(lost)} vectors that index_metadata.pickle names" if lost else ""


def _same(found: bytes, known: bytes) -> bool:
    if found == known:
        return True
    if len(found) != len(known):
        return False
    one, two = array("f", found), array("f", known)
    length = math.hypot(*two)
    # By cosine an index holds a vector divided by its length.
    return length > 0 and all(abs(a - b / length) < _NEAR for a, b in zip(one, two))


def _known(database: sqlite3.Connection, collection: str) -> dict[str, list[bytes]]:
    """Return every vector that each id ever had, by the queue."""
    found: dict[str, list[bytes]] = {}
    rows = database.execute(
        "SELECT id, vector FROM embeddings_queue WHERE topic LIKE ? AND vector IS NOT NULL",
        (f"%/{collection}",),
    )
    for name, vector in rows:
        found.setdefault(name, []).append(bytes(vector))
    return found
