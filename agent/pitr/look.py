"""How a server is, by asking it: up, primary, reading, writing."""

from __future__ import annotations

import re
import time
from typing import Any

from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError

from agent.errors import DrillyardError, ServiceRefused
from agent.pitr.address import straight
from agent.pitr.model import Status
from agent.pitr.server import DURABLE, OURS, Client, connect, databases, words

_NO_COLLECTION = 26
_TRUST = re.compile(r"certificate verify failed|[Hh]ostname mismatch|tlsv1\d? alert|sslv3 alert")


def look(uri: str) -> Status:
    """Return how the server is. One that is down or refuses us is no error here: its symptoms say so."""
    client = connect(uri, 5, socketTimeoutMS=10_000)
    try:
        with words("MongoDB"):
            hello = client.admin.command("hello")
            version = str(client.server_info()["version"])
            found = databases(client)
            # Estimates: a count would read every document.
            counts = [
                (_expires(client[db][name]), client[db][name].estimated_document_count())
                for db in found
                for name in client[db].list_collection_names(filter={"type": "collection"})
                if not name.startswith("system.")
            ]
    except DrillyardError as error:
        lives = _lives(client, uri, error)
        client.close()
        return Status(up=False, symptoms=(str(error), *([lives] if lives else [])), lives=lives)
    symptoms = []
    primary = bool(hello.get("isWritablePrimary"))
    if not primary:
        symptoms.append("it is not primary and takes no writes")
    elif "setName" not in hello:
        symptoms.append("it is no member of a replica set: changes cannot be captured")
    wrote = ""
    try:
        checks = client[OURS].get_collection("check", write_concern=DURABLE)
        mark = {"_id": "drillyard", "at": time.time()}
        checks.replace_one({"_id": "drillyard"}, mark, upsert=True)
        if checks.find_one({"_id": "drillyard"}) != mark:
            wrote = "a document just written does not read as it was written"
    except PyMongoError as error:
        wrote = f"it does not take a write: {str(error).split(', full error:')[0]}"
    finally:
        client.close()
    return Status(
        up=True,
        reads=True,
        writes=primary and not wrote,
        primary=primary,
        set_name=str(hello.get("setName", "")),
        version=version,
        databases=tuple(found),
        documents=sum(count for _, count in counts),
        symptoms=(*symptoms, *([wrote] if wrote else [])),
        passing=sum(count for expires, count in counts if expires),
    )


def _lives(client: Client, uri: str, error: DrillyardError) -> str:
    """Say in words by what a server is seen to be alive that does not serve us; "" where it is by nothing."""
    if isinstance(error, ServiceRefused):
        return "it answers, and does not let us in"
    if _TRUST.search(str(error)):
        return "it answers in TLS, and its certificate is not trusted"
    seen = client.topology_description
    for member in seen.server_descriptions().values() if "ReplicaSet" in seen.topology_type_name else ():
        if member.server_type_name != "RSSecondary":
            continue
        host, port = member.address
        now = look(straight(uri, f"{host}:{port}"))
        if now.up and now.documents > 0:
            return f"{host}:{port}, a secondary of a set without a primary, has {now.documents} documents"
    return ""


def _expires(collection: Collection[dict[str, Any]]) -> bool:
    """Say whether a collection has a TTL index; one that is dropped meanwhile has none."""
    try:
        return any("expireAfterSeconds" in index for index in collection.list_indexes())
    except OperationFailure as error:
        if error.code != _NO_COLLECTION:
            raise
        return False
