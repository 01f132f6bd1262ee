"""What is about to be removed from a database, as lines of JSON in the folder of what is kept.

    drillyard-kept-STAMP/rows_removed.jsonl      {"key": "doc7", "row": {"id": "doc7", "name": "a.pdf", ...}}
    drillyard-kept-STAMP/vectors_removed.jsonl   {"key": "doc7", "vector": "<base64>", "metadata": {...}}

Bytes stand as {"base64": "..."}. A file is whole and on the disk before anything is removed.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from agent.payload import durable, rows, vectors
from agent.payload.united import Link

ROWS, VECTORS = "rows_removed.jsonl", "vectors_removed.jsonl"


def keep_rows(path: Path, link: Link, names: list[str], folder: Path) -> Path:
    """Write the rows of those keys, every column of them, into `folder`; return the file."""
    found = []
    with rows.opened(path, still=False) as database:
        database.row_factory = sqlite3.Row
        words = f'SELECT * FROM "{link.table}" WHERE "{link.key}" = ?'
        for name in names:
            with closing(database.execute(words, (name,))) as cursor:
                for row in cursor:
                    found.append({"key": name, "row": {key: _plain(row[key]) for key in row.keys()}})  # noqa: SIM118
    return _write(folder / ROWS, found)


def keep_vectors(path: Path, link: Link, names: list[str], folder: Path) -> Path:
    """Write the vectors of those ids with what is noted beside them into `folder`; return the file."""
    with rows.opened(path, still=False) as database:
        held = vectors.collections(database).get(link.collection, {})
        noted = vectors.noted(database, link.collection)
    found = [
        {"key": name, "vector": base64.b64encode(held.get(name, b"")).decode(), "metadata": noted.get(name)}
        for name in names
    ]
    return _write(folder / VECTORS, found)


def _write(path: Path, found: Iterable[dict[str, Any]]) -> Path:
    """Add lines to a file; what a run before this one wrote, which was cut off, stays."""
    before = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    lines = {each["key"]: each for each in (*before, *found)}
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines.values())
    durable.write(path, text.encode("utf-8", "surrogateescape"))
    return path


def _plain(value: Any) -> Any:
    return {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
