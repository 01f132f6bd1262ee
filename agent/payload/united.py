"""Whether rows, vectors and files belong together: each row has both, and no other is there."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

_NAMED = 20


@dataclass(frozen=True)
class Link:
    """Which table and columns name a document, its file and that file's SHA-256; which collection its vector.

    `touched` is the column that changes with every change of a row ("" = there is none).
    """

    table: str = "documents"
    key: str = "id"
    file: str = "file"
    sum: str = "sha256"
    touched: str = "updated_at"
    collection: str = "documents"

    @classmethod
    def of(cls, spec: dict[str, Any]) -> Link:
        """Return what a program was told under `link`."""
        return cls(**spec.get("link", {}))


def rows_of(database: sqlite3.Connection, link: Link) -> dict[str, tuple[str, str]]:
    """Return file and SHA-256 by id, as the rows say.

    Raises:
        sqlite3.Error: it has no such table, or cannot be read.
    """
    names = ", ".join(f'"{name}"' for name in (link.key, link.file, link.sum))
    found = database.execute(f'SELECT {names} FROM "{link.table}" NOT INDEXED')
    return {str(row[0]): (str(row[1]), str(row[2])) for row in found}


def apart(
    rows: dict[str, tuple[str, str]], vectors: set[str] | None, files: dict[str, str] | None
) -> dict[str, list[str]]:
    """Return what is not united, by kind, a few named of each; `files` are sums by name, None = not asked."""
    found: dict[str, list[str]] = {}
    if vectors is not None:
        found["row_without_vector"] = sorted(set(rows) - vectors)
        found["vector_without_row"] = sorted(vectors - set(rows))
    if files is not None:
        wanted = dict(rows.values())
        found["row_without_file"] = sorted(set(wanted) - set(files))
        found["file_without_row"] = sorted(set(files) - set(wanted))
        found["file_of_other_content"] = sorted(
            name for name, total in wanted.items() if files.get(name, total) != total
        )
    return {
        kind: names[:_NAMED] + ([f"... of {len(names)}"] if len(names) > _NAMED else [])
        for kind, names in found.items()
        if names
    }


def said(found: dict[str, list[str]]) -> str:
    """Return in words what is not united; empty where all is."""
    return "; ".join(f"{kind.replace('_', ' ')}: {', '.join(names[:3])}" for kind, names in found.items())
