"""How the service is, dependency by dependency: what it cannot work without, and what it can wait for."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from .library import Library
from .settings import Settings

NEEDED = ("disk", "files", "sqlite", "chroma")


def of(library: Library) -> dict[str, Any]:
    """Return the whole report; `status` is ok, degraded (helpers are down) or down."""
    said = {name: _asked(look, library) for name, look in _LOOKS}
    said |= library.helpers.trouble()
    report = _report(said)
    if report["status"] != "down":
        report |= {"queue": len(library.queue), "documents": library.rows.count()}
    return report


def without(settings: Settings, why: str) -> dict[str, Any]:
    """Return the report of a service that could not open its data at all."""
    del settings
    return _report({"data": why})


def _report(said: dict[str, str]) -> dict[str, Any]:
    down = any(why for name, why in said.items() if name in (*NEEDED, "data"))
    status = "down" if down else "degraded" if any(said.values()) else "ok"
    return {
        "status": status,
        "dependencies": {name: {"ok": not why, "detail": why} for name, why in said.items()},
    }


def _asked(look: Callable[[Library], Iterator[str]], library: Library) -> str:
    try:
        return next(look(library), "")
    except (OSError, sqlite3.Error) as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - Chroma raises whatever its Rust side made of it
        return f"{type(error).__name__}: {error}"[:160]


def _disk(library: Library) -> Iterator[str]:
    settings = library.settings
    if settings.mounted and not settings.data.is_mount():
        yield f"{settings.data} is not mounted"
    elif library.room() < settings.reserve:
        yield f"{settings.data} is full: {library.room() >> 20} MB left"


def _files(library: Library) -> Iterator[str]:
    settings = library.settings
    for folder in (settings.data, settings.pdfs, settings.queue):
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield f"{folder} cannot be read and written"
    with os.scandir(settings.pdfs) as listed:
        for entry in listed:
            if not os.access(entry.path, os.R_OK):
                yield f"{entry.path} cannot be read"


def _sqlite(library: Library) -> Iterator[str]:
    if not os.access(library.settings.database, os.R_OK | os.W_OK):
        yield f"{library.settings.database} cannot be read and written"
    library.rows.count()
    library.rows.writable()


def _chroma(library: Library) -> Iterator[str]:
    if not os.access(library.settings.vectors / "chroma.sqlite3", os.R_OK | os.W_OK):
        yield f"{library.settings.vectors} cannot be read and written"
    library.vectors.count()
    if library.vectors.purges:
        yield "Chroma throws its log away (automatically_purge)"


_LOOKS = (("disk", _disk), ("files", _files), ("sqlite", _sqlite), ("chroma", _chroma))
