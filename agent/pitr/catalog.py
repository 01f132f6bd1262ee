"""What a server says of its collections: kind, options, indexes; and of its users and roles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bson import json_util
from bson.json_util import CANONICAL_JSON_OPTIONS
from pymongo.errors import OperationFailure

from agent.pitr.server import Client, databases

EXTERNAL = "$external"
"""The database of users whom somebody else knows, by certificate or directory: they have no password here."""
COLLECTION, VIEW, TIMESERIES = "collection", "view", "timeseries"

Spec = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """One collection: kind, options as createCollection takes them, and its indexes but for _id's."""

    db: str
    name: str
    kind: str = COLLECTION
    options: Spec = field(default_factory=dict)
    indexes: tuple[Spec, ...] = ()
    uuid: str = ""

    @property
    def namespace(self) -> str:
        """Database and collection."""
        return f"{self.db}.{self.name}"


def catalog(client: Client) -> list[Entry]:
    """Return every collection, view and time series that holds somebody's data."""
    return [entry for db in databases(client) for entry in of_database(client, db)]


def of_database(client: Client, db: str, name: str = "") -> list[Entry]:
    """Return the collections of a database, or the one called `name`."""
    only = {"name": name} if name else None
    return [
        _entry(client, db, each)
        for each in client[db].list_collections(filter=only)
        if not each["name"].startswith("system.")
    ]


def _entry(client: Client, db: str, said: Mapping[str, Any]) -> Entry:
    kind = said.get("type", COLLECTION)
    indexes: list[Spec] = []
    if kind != VIEW:
        try:
            indexes = [dict(each) for each in client[db][said["name"]].list_indexes()]
        except OperationFailure as error:
            # It was dropped between the two questions: the log tells of it.
            if error.code != 26:
                raise
    unique = (said.get("info") or {}).get("uuid")
    return Entry(
        db=db,
        name=said["name"],
        kind=kind,
        options=dict(said.get("options") or {}),
        indexes=tuple(plain(each) for each in indexes if each["name"] != "_id_"),
        uuid=bytes(unique).hex() if unique else "",
    )


def plain(index: Mapping[str, Any]) -> Spec:
    """Return an index as createIndexes takes it."""
    return {key: value for key, value in index.items() if key not in ("ns", "background")}


def accounts(client: Client) -> dict[str, list[Spec]]:
    """Return users and roles as far as the server tells them; none where we may not ask.

    Users may be of a database that holds nothing else, so all are asked for at once, where a server answers.
    """
    users: dict[tuple[str, str], Spec] = {}
    roles: list[Spec] = []
    for db in ["admin", EXTERNAL, *databases(client)]:
        try:
            wanted = [{"forAllDBs": True}, 1] if db == "admin" else [1]
            for each in wanted:
                told = client[db].command("usersInfo", each).get("users", [])
                users |= {(user["db"], user["user"]): user for user in told}
            if db != EXTERNAL:
                roles += client[db].command("rolesInfo", 1, showPrivileges=True).get("roles", [])
        except OperationFailure:
            continue
    return {"users": list(users.values()), "roles": roles}


def as_json(value: Any) -> Any:
    """Return BSON values as plain JSON that loses nothing (canonical extended JSON)."""
    return json.loads(json_util.dumps(value, json_options=CANONICAL_JSON_OPTIONS))


def from_json(value: Any) -> Any:
    """Return what `as_json` was given."""
    return json_util.loads(json.dumps(value), json_options=CANONICAL_JSON_OPTIONS)


def entry_of(said: Mapping[str, Any]) -> Entry:
    """Return an entry of plain values."""
    return Entry(**{**said, "indexes": tuple(said.get("indexes", ()))})


def ordered(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries so that what others stand on comes first: views last."""
    return sorted(entries, key=lambda entry: (entry.kind == VIEW, entry.namespace))
