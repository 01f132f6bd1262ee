"""A mongodump folder: written as mongodump does, read as it, or we, wrote it.

`<db>/<collection>.bson` holds the documents one behind the other, `<collection>.metadata.json` options and
indexes as canonical extended JSON. mongorestore restores what we write; ours loads what mongodump wrote,
compressed with --gzip or not.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import shutil
import struct
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from bson import json_util
from bson.json_util import CANONICAL_JSON_OPTIONS

from agent.errors import BackupDamaged, NoRoom, NotFound
from agent.pitr.catalog import COLLECTION, VIEW, Spec, plain
from agent.pitr.elements import EMPTY
from agent.pitr.lives import Life, create_options
from agent.pitr.merge import Piece
from agent.pitr.server import NOT_DATA

_LONGEST, _CUT = 238, 208
_ID = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
_STRETCH = 32 << 20
_LENGTH = struct.Struct("<i").unpack_from


def file_name(collection: str) -> str:
    """Return the name without ending that mongodump gives a collection's files."""
    escaped = quote(collection, safe="$&+=:@")
    if len(escaped) <= _LONGEST:
        return escaped
    digest = urlsafe_b64encode(sha1(collection.encode(), usedforsecurity=False).digest())
    return f"{escaped[:_CUT]}%24{digest.rstrip(b'=').decode()}"


class Folder:
    """A sink that is a mongodump folder; several processes may write to one."""

    def __init__(self, path: Path) -> None:
        """`begin` has made its files."""
        self._path = path

    def take(self, life: Life, documents: list[bytes]) -> None:
        """Append documents to a collection's file."""
        try:
            with bson_of(self._path, life).open("ab", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                view = memoryview(b"".join(documents))
                while view:
                    view = view[file.write(view) :]
        except OSError as error:
            raise NoRoom(f"{self._path} cannot be written to: {error.strerror}.") from None

    def told(self) -> None:
        """There is nothing to say: what was taken is there."""

    def close(self) -> None:
        """There is nothing to let go of."""


def bson_of(path: Path, life: Life) -> Path:
    """Return the file of a collection's documents."""
    return path / life.db / f"{file_name(life.name)}.bson"


def begin(path: Path, lives: Iterable[Life]) -> None:
    """Make the files of every collection, and what says how it was made."""
    for life in lives:
        bson = bson_of(path, life)
        bson.parent.mkdir(parents=True, exist_ok=True)
        if life.kind != VIEW:
            bson.touch()
        said = {
            "options": create_options(life),
            "indexes": [] if life.kind == VIEW else [_ID, *life.indexes.values()],
            "collectionName": life.name,
            "type": life.kind,
        }
        bson.with_suffix(".metadata.json").write_text(
            json_util.dumps(said, json_options=CANONICAL_JSON_OPTIONS)
        )


def sync(path: Path) -> None:
    """Have all of it on disk."""
    for file in path.rglob("*"):
        handle = os.open(file, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@dataclass(frozen=True)
class Dumped:
    """A collection of a folder: how it is made, and the file of its documents (None for a view)."""

    life: Life
    bson: Path | None


def read_folder(path: Path) -> list[Dumped]:
    """Return the collections of a mongodump folder.

    Raises:
        NotFound: there is no such folder, or no dump in it.
        BackupDamaged: a file is not what mongodump writes.
    """
    found = [] if not path.is_dir() else sorted(_metadata(path))
    if not found:
        raise NotFound(
            f"Expected a mongodump folder (<db>/<collection>.metadata.json), found none in {path}.",
            do="Name the folder that holds the folders of the databases.",
        )
    return [_dumped(n, file) for n, file in enumerate(found)]


def _metadata(path: Path) -> Iterator[Path]:
    for pattern in ("*/*.metadata.json", "*/*.metadata.json.gz"):
        for file in path.glob(pattern):
            if file.parent.name not in NOT_DATA and not file.name.startswith("system."):
                yield file


def _dumped(n: int, file: Path) -> Dumped:
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
        said: Any = json_util.loads(content.decode(), json_options=CANONICAL_JSON_OPTIONS)
        name = said.get("collectionName") or unquote(file.name.split(".metadata.json")[0])
        options: Spec = {key: each for key, each in (said.get("options") or {}).items() if key != "uuid"}
        indexes = {str(each["name"]): plain(each) for each in said.get("indexes", ())}
    except (OSError, ValueError, EOFError, KeyError, AttributeError) as error:
        raise BackupDamaged(f"{file} is not what mongodump writes: {error}.") from None
    kind = said.get("type") or (VIEW if "viewOn" in options else COLLECTION)
    indexes.pop("_id_", None)
    life = Life(n, file.parent.name, name, kind, options, indexes, source=f"{file.parent.name}.{name}")
    bson = file.with_name(file.name.replace(".metadata.json", ".bson"))
    if kind == VIEW:
        return Dumped(life, None)
    if not bson.is_file():
        raise BackupDamaged(f"{bson} is missing beside {file.name}.")
    return Dumped(life, bson)


def pieces_of_dump(dumped: Iterable[Dumped], work: Path) -> list[Piece]:
    """Return the documents in stretches; what is compressed is unpacked into `work` first.

    Raises:
        BackupDamaged: a file does not consist of documents.
        NoRoom: there is no room to unpack it.
    """
    found: list[Piece] = []
    for each in dumped:
        if each.bson is None:
            continue
        path = each.bson
        if path.suffix == ".gz":
            path = work / f"{each.life.n}.bson"
            _unpack(each.bson, path)
        found += [Piece(each.life.n, path, at, size, size, packed=False) for at, size in _stretches(path)]
    return found


def _unpack(packed: Path, path: Path) -> None:
    try:
        with gzip.open(packed) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except (gzip.BadGzipFile, EOFError) as error:
        raise BackupDamaged(f"{packed} cannot be unpacked: {error}.") from None
    except OSError as error:
        raise NoRoom(f"{packed} cannot be unpacked into {path.parent}: {error.strerror}.") from None


def _stretches(path: Path) -> Iterator[tuple[int, int]]:
    """Yield place and size of stretches of whole documents, by walking from length to length."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as file:
        while start < size:
            file.seek(start)
            whole = _whole(file.read(_STRETCH))
            if not whole:
                # A document larger than a stretch, or no document.
                file.seek(start)
                whole = int.from_bytes(file.read(4), "little")
                if whole <= _STRETCH or start + whole > size:
                    raise BackupDamaged(f"{path} is no file of documents at byte {start}.")
            yield start, whole
            start += whole


def _whole(data: bytes) -> int:
    """Return how many bytes of it are whole documents."""
    at, end = 0, len(data)
    while at + 4 <= end:
        length = _LENGTH(data, at)[0]
        if length < len(EMPTY) or at + length > end:
            break
        at += length
    return at
