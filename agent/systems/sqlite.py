"""The database of an application by itself: kept, checked and put back (see `agent/at_rest`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from agent.at_rest import sets
from agent.at_rest.model import AtRest
from agent.at_rest.sets import DUMPS as DUMPS
from agent.at_rest.sets import Checked, Named, Restored, Set
from agent.transport.ask import Action


@dataclass(frozen=True)
class Sqlite(AtRest):
    """This alone of what an application has."""

    ELEMENTS: ClassVar[tuple[str, ...]] = ("sqlite",)


def dump_set(sqlite: Sqlite, kind: str, parent: str = "") -> Action[Set]:
    """Lay down a copy of the running application's; hourly only what changed."""
    return (yield from sets.dump_set(sqlite, kind, parent))


def list_sets(sqlite: Sqlite) -> Action[tuple[Set, ...]]:
    """Return the sets that lie there by their manifests, whatever the history says of them."""
    return (yield from sets.list_sets(sqlite))


def check_dump(
    sqlite: Sqlite, copy: Named, depth: str = "restored", proved: Collection[str] = ()
) -> Action[Checked]:
    """Check a copy: `opens` by itself, `restored` by putting it back elsewhere and comparing all of it."""
    return (yield from sets.check_dump(sqlite, copy, depth, proved))


def restore(sqlite: Sqlite, copy: Named) -> Action[Restored]:
    """Put a copy in the stopped application's place; what was there is kept."""
    return (yield from sets.restore(sqlite, copy))
