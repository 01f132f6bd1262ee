"""A MongoDB server as these programs see it: connected to, asked who it is, its errors in our words."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from bson import Timestamp
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from agent.errors import BadInventory, Refused, ServiceRefused, StepFailed, Unreachable
from agent.secrets import never_show

OURS = "dr_agent"
"""The database of our own: heartbeat, the server's identity, what a restore is about."""

NOT_DATA = frozenset({"admin", "config", "local", OURS})
RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
DURABLE = WriteConcern("majority", wtimeout=10_000)

_NOT_LET_IN = {13, 18, 8000}

Client = MongoClient[dict[str, Any]]


def connect(uri: str, seconds: float = 10, **options: Any) -> Client:
    """Return a client; nothing is asked of the server yet, which is waited for at most `seconds` later.

    Raises:
        BadInventory: the connection string makes no sense.
    """
    hide(uri)
    try:
        return MongoClient(
            uri,
            serverSelectionTimeoutMS=int(seconds * 1000),
            connectTimeoutMS=int(seconds * 1000),
            appname="drillyard",
            **options,
        )
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise BadInventory(f"A connection string makes no sense to MongoDB's driver: {error}.") from None


def hide(uri: str) -> None:
    """Mask a connection string and the password in it from now on."""
    never_show(uri)
    rest = uri.partition("://")[2].partition("@")
    if rest[1] and ":" in rest[0]:
        password = rest[0].partition(":")[2]
        for form in {password, unquote(password)} - {""}:
            never_show(form)


def named(uri: str) -> str:
    """Return a connection string's hosts: all of it that may be shown."""
    try:
        hosts = parse_uri(uri, validate=False, connect_timeout=2)["nodelist"]
    except (PyMongoError, ValueError):
        return "a server"
    return ",".join(f"{host}:{port}" for host, port in hosts)


@contextmanager
def words(what: str) -> Iterator[None]:
    """Turn the driver's errors into ours; `what` names the server.

    Raises:
        Unreachable: it does not answer.
        ServiceRefused: it does not let us in, or not do this.
        StepFailed: it answers with any other error.
    """
    try:
        yield
    except (ServerSelectionTimeoutError, AutoReconnect) as error:
        said = str(error).split(", Timeout:")[0]
        raise Unreachable(f"{what} does not answer: {said}.", do="See that it runs and is reached.") from None
    except OperationFailure as error:
        said = str(error).split(", full error:")[0]
        if error.code in _NOT_LET_IN:
            raise ServiceRefused(
                f"{what} does not let us do this: {said}.",
                do="Correct user, password or roles of the connection string in the inventory.",
            ) from None
        raise StepFailed(f"{what} answered with an error: {said}.") from None
    except PyMongoError as error:
        raise StepFailed(f"{what}: {type(error).__name__}: {error}.") from None


def now_of(client: Client) -> Timestamp:
    """Return the server's cluster time: what it has acknowledged is not later.

    Raises:
        Refused: it has none, as it is no member of a replica set.
    """
    moment = client.admin.command("ping").get("operationTime")
    if not isinstance(moment, Timestamp):
        raise Refused(
            "Expected a member of a replica set, found a standalone server: it keeps no history of changes.",
            do="Make it a replica set of one: --replSet, then rs.initiate().",
        )
    return moment


def identity(client: Client) -> str:
    """Return who the server is, by a mark of ours that it keeps with its data; it is made where it lacks."""
    marks = client[OURS].get_collection("identity", write_concern=DURABLE)
    found = marks.find_one({"_id": "server"})
    if found is None:
        fresh = {"$setOnInsert": {"id": uuid.uuid4().hex}}
        marks.update_one({"_id": "server"}, fresh, upsert=True)
        found = marks.find_one({"_id": "server"})
    return str((found or {})["id"])


def origin(client: Client) -> Mapping[str, Any]:
    """Return what a restore noted of where the server's data came from; empty where there was none."""
    found = client[OURS]["identity"].find_one({"_id": "server"}) or {}
    said: Mapping[str, Any] = found.get("origin") or {}
    return said


def rename(client: Client, origin: Mapping[str, Any]) -> str:
    """Give the server another identity, as its data come from elsewhere now; return it."""
    fresh = uuid.uuid4().hex
    client[OURS].get_collection("identity", write_concern=DURABLE).replace_one(
        {"_id": "server"}, {"id": fresh, "origin": dict(origin)}, upsert=True
    )
    return fresh


def databases(client: Client) -> list[str]:
    """Return the names of the databases that hold somebody's data."""
    return sorted(name for name in client.list_database_names() if name not in NOT_DATA)
