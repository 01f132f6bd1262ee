"""Collections and indexes made after the moment that was restored to: made on the restored server too."""

from __future__ import annotations

from bson import Timestamp
from pymongo.errors import OperationFailure

from agent.pitr.catalog import VIEW, catalog
from agent.pitr.later import Bad, Gathered
from agent.pitr.lives import Life, Lives
from agent.pitr.load import create
from agent.pitr.log import CATALOG, Change, changes
from agent.pitr.model import Conflict
from agent.pitr.reach import Way
from agent.pitr.server import NOT_DATA, Client

_MADE = frozenset({"create", "createIndexes"})
_DATA = frozenset({"insert", "update", "replace", "delete"})
_BY_HAND = "its definition changed after the moment; do it by hand where it is meant"


def redefine(client: Client, way: Way, end: Timestamp, found: Gathered, bad: Bad) -> list[Conflict]:
    """Make what was made, and what documents were written into; return what takes a person.

    Drops, renames and altered options are not repeated: they could belong to the damage.
    """
    by_hand = [
        Conflict(f"{each.db}.{each.name}".rstrip("."), "", f"{each.kind}: {_BY_HAND}")
        for each in found.defined
        if each.kind not in _MADE
    ]
    there = {entry.namespace for entry in catalog(client)}
    written = {namespace for namespace, _ in found.documents}
    made = [each for each in found.defined if each.kind in _MADE]
    if not made and written <= there:
        return by_hand
    newest = {life.namespace: life for life in _newest(way, end, bad).living}
    for namespace in sorted((written | {f"{each.db}.{each.name}" for each in made}) - there):
        if (life := newest.get(namespace)) is not None:
            create(client, life)
    for change in made:
        life = newest.get(f"{change.db}.{change.name}")
        if life is not None and life.kind != VIEW and change.kind == "createIndexes":
            by_hand += _index(client, life, change)
    return by_hand


def _newest(way: Way, end: Timestamp, bad: Bad) -> Lives:
    """Return the collections as they would be now without the damage."""
    lives = Lives(way.base.entries())
    for change in changes(way.timeline, way.base.started(), end):
        if change.db in NOT_DATA or change.name.startswith("system."):
            continue
        if change.kind == CATALOG:
            lives.learn(change)
        elif change.kind in _DATA:
            lives.of(change.db, change.name)
        elif not bad.has(change):
            lives.heed(change)
    return lives


def _index(client: Client, life: Life, change: Change) -> list[Conflict]:
    """Build the indexes of one event; one that cannot be is told."""
    told = []
    for each in change.event["operationDescription"]["indexes"]:
        spec = life.indexes.get(str(each["name"]))
        if spec is None:
            continue
        try:
            client[life.db].command({"createIndexes": life.name, "indexes": [spec]})
        except OperationFailure as error:
            said = str(error).split(", full error:")[0]
            told.append(Conflict(life.namespace, "", f"index {each['name']} could not be built: {said}"))
    return told
