"""Which request of MongoDB Atlas's Admin API v2 does what, each with the resource version it is written for.

Source: https://www.mongodb.com/docs/api/doc/atlas-admin-api-v2 (its OpenAPI document), read for the release
v20250312. A version is a property of the resource, not of the API: Atlas takes the newest one that is not
younger than the date we send, and keeps a superseded one for a year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

ROOT = "/api/atlas/v2"
TOKEN = "/api/oauth/token"
PAGE = 500
"""Most items that a list gives at once."""


@dataclass(frozen=True)
class Call:
    """One kind of request; `what` continues "Atlas was asked to ...", `role` is the least that may ask it."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    version: str
    what: str
    role: str

    @property
    def media_type(self) -> str:
        """What Accept says, and Content-Type where there is a body."""
        return f"application/vnd.atlas.{self.version}+json"

    def at(self, names: Mapping[str, str]) -> str:
        """Return the path with its names put in."""
        return ROOT + self.path.format(**{key: quote(name, safe="") for key, name in names.items()})


_CLUSTERS = "/groups/{project}/clusters"
_ONE = _CLUSTERS + "/{cluster}"
_BACKUP = _ONE + "/backup"

_READ, _BACKUPS, _OWNER = "Project Read Only", "Project Backup Manager", "Project Owner"

GET_CLUSTER = Call("GET", _ONE, "2024-08-05", "tell of a cluster", _READ)
CREATE_CLUSTER = Call("POST", _CLUSTERS, "2024-10-23", "create a cluster", "Project Cluster Creator")
DELETE_CLUSTER = Call("DELETE", _ONE, "2023-02-01", "delete a cluster", _OWNER)
GET_SCHEDULE = Call("GET", _BACKUP + "/schedule", "2024-08-05", "tell a backup schedule", _BACKUPS)
LIST_SNAPSHOTS = Call("GET", _BACKUP + "/snapshots", "2023-01-01", "list snapshots", _BACKUPS)
LIST_RESTORES = Call("GET", _BACKUP + "/restoreJobs", "2023-01-01", "list restores", _BACKUPS)
GET_RESTORE = Call("GET", _BACKUP + "/restoreJobs/{job}", "2023-01-01", "tell of a restore", _BACKUPS)
CREATE_RESTORE = Call("POST", _BACKUP + "/restoreJobs", "2023-01-01", "begin a restore", _BACKUPS)
