"""Uploads that were accepted and wait for a helper that is down: put back from a set, to wait on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_NOTE = ".json"


def back(found: Path, live: Path, kept: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the renames that put what waited in `found` back to wait in `live`: a note behind its upload.

    One of the same name that waits there now was accepted later, and stays. What has no note there was
    never accepted, and goes to `kept` where it is in the way.
    """
    accepted = {path.stem for path in live.glob(f"[!.]*{_NOTE}")}
    there = [path for path in found.rglob("*") if path.is_file()] if found.is_dir() else []
    for path in sorted(there, key=lambda each: (each.suffix == _NOTE, each.name)):
        if path.stem in accepted:
            continue
        target = live / path.relative_to(found)
        if target.exists():
            yield target, kept / live.name / path.relative_to(found)
        yield path, target
