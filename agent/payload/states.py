"""The pages of the sets that the next one may go on from: short digests, beside the manifests."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from agent.payload import durable, pages
from agent.payload.kept_set import KeptSet, Place


def _both(place: Place, element: str) -> tuple[Path, Path]:
    """Return where the pages of the newest set stand, and those of the one that it goes on from.

    Both, as the newest may fail its proof: the next one goes on from the one before, and is an increment.
    """
    folder = place.backups / "metadata"
    return folder / f"{element}.pages", folder / f"{element}.before.pages"


def known(place: Place, element: str, name: str, total: str) -> pages.Pages | None:
    """Return the pages of the set `name` whose SHA-256 is `total`; None where they are not known any more."""
    for path in _both(place, element):
        if found := pages.Pages.load(path, name, total):
            return found
    return None


def remember(place: Place, element: str, state: bytes, parent: KeptSet | None) -> None:
    """Write the pages of the set that is taken, and keep those of its parent beside them."""
    newest, before = _both(place, element)
    if not parent or not pages.Pages.load(before, parent.id, parent.parts[element].sum):
        with suppress(FileNotFoundError):
            newest.rename(before)
    durable.write(newest, state)
