"""A stack's MongoDB as its administrator reaches it from outside: the drill's own way in, not the agent's."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pymongo import MongoClient

from drills.rig.stack import Stack

SECRET = "mongo_password"


def administrator(stack: Stack, host: str, seconds: float = 10.0) -> MongoClient[dict[str, Any]]:
    """Return a client of that host's server; each answer is waited for so many seconds at most."""
    password = quote((stack.private / SECRET).read_text().strip(), safe="")
    return MongoClient(
        f"mongodb://root:{password}@127.0.0.1:{stack.hosts[host].port(27017)}/?directConnection=true",
        serverSelectionTimeoutMS=int(seconds * 1000),
        timeoutMS=int(seconds * 1000),
        appname="drill",
    )
