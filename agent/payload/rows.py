"""What an SQLite file holds, by content: each table's rows counted and hashed; and whether it is sound."""

from __future__ import annotations

import hashlib
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

Table = dict[str, Any]
ROWS, COLUMNS = "rows", "columns"
# Of so many rows at a time; part of what the SHA-256 is.
_MANY = 100


class Text(bytes):
    """Text as the file has it, whether or not it is UTF-8."""


@contextmanager
def opened(path: Path, *, still: bool = True) -> Iterator[sqlite3.Connection]:
    """Open a database; `still` = nobody else has it open, and nothing may be made beside it or changed.

    One that is not still is opened to write, as SQLite may first have to undo what a crash left.
    """
    how = "mode=ro&immutable=1" if still else "mode=rw"
    with closing(sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=20)) as database:
        database.isolation_level = None
        yield database


def unsound(database: sqlite3.Connection, *, keys: bool = True) -> str:
    """Return what SQLite's own checks find wrong, foreign `keys` too; empty where nothing is.

    Chroma's schema refers to a table that it does not have. Changed content and a file cut to nothing are
    missed: see `tables`.
    """
    try:
        found = [str(row[0]) for row in database.execute("PRAGMA integrity_check(5)")]
        if found != ["ok"]:
            return f"integrity_check: {'; '.join(found)}".replace("\n", "; ")[:300]
        orphans = database.execute("PRAGMA foreign_key_check").fetchmany(5) if keys else []
    except sqlite3.Error as error:
        return f"SQLite cannot read it: {error}"
    return f"foreign_key_check: {orphans[0][0]} refers to a row that is not there" if orphans else ""


def tables(database: sqlite3.Connection, by: str = COLUMNS) -> dict[str, Table]:
    """Return rows and SHA-256 of each table, virtual ones left to the tables that they are made of.

    The SHA-256 is made by COLUMNS, or by ROWS as before that.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    listed = database.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    ).fetchall()
    before, database.text_factory = database.text_factory, Text
    try:
        return {
            name: _by_columns(database, name) if by == COLUMNS else _by_rows(database, name)
            for name, sql in listed
            if not str(sql).upper().startswith("CREATE VIRTUAL")
        }
    finally:
        database.text_factory = before


def schema(database: sqlite3.Connection) -> str:
    """Return a SHA-256 of everything that was ever CREATEd in it."""
    said = database.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    return hashlib.sha256(repr(said).encode()).hexdigest()


def row_hash(row: tuple[Any, ...]) -> bytes:
    """Return a row's content as bytes that no other row has."""
    parts = []
    for value in row:
        if value is None:
            parts.append(b"n")
        elif isinstance(value, int):
            parts.append(b"i%d" % value)
        elif isinstance(value, float):
            parts.append(b"f" + struct.pack(">d", value))
        else:
            kind = b"t" if isinstance(value, Text) else b"b"
            parts.append(kind + len(value).to_bytes(8, "big") + value)
    return b"\0".join(parts) + b"\n"


def by_of(said: dict[str, Table]) -> str:
    """Return how the SHA-256 of tables were made."""
    return ROWS if any("by" not in each for each in said.values()) else COLUMNS


def _by_rows(database: sqlite3.Connection, name: str) -> Table:
    quoted = '"' + name.replace('"', '""') + '"'
    keys = [row[1] for row in database.execute(f"PRAGMA table_info({quoted})") if row[5]]
    order = ", ".join('"' + bytes(key).decode().replace('"', '""') + '"' for key in keys) or "rowid"
    total, count = hashlib.sha256(), 0
    # NOT INDEXED: a table is read, and not an index that may disagree with it.
    for row in database.execute(f"SELECT * FROM {quoted} NOT INDEXED ORDER BY {order}"):
        total.update(row_hash(row))
        count += 1
    return {"rows": count, "sha256": total.hexdigest()}


def _by_columns(database: sqlite3.Connection, name: str) -> Table:
    quoted = '"' + name.replace('"', '""') + '"'
    total, count = hashlib.sha256(), 0
    # As its own tree has them: to sort whole rows costs more than all the rest.
    cursor = database.execute(f"SELECT * FROM {quoted} NOT INDEXED")
    while found := cursor.fetchmany(_MANY):
        count += len(found)
        for column in zip(*found):
            content = _column(column)
            total.update(len(content).to_bytes(8, "little"))
            total.update(content)
    return {"rows": count, "sha256": total.hexdigest(), "by": COLUMNS}


def _column(values: tuple[Any, ...]) -> bytes:
    """Return the values of some rows' column as bytes that no others have."""
    kinds, many = set(map(type, values)), len(values)
    if kinds == {int}:
        return struct.pack(f"<cL{many}q", b"i", many, *values)
    if kinds == {float}:
        return struct.pack(f"<cL{many}d", b"f", many, *values)
    if kinds in ({Text}, {bytes}):
        kind = b"t" if kinds == {Text} else b"b"
        return struct.pack(f"<cL{many}Q", kind, many, *map(len, values)) + b"".join(values)
    return b"m" + row_hash(values)
