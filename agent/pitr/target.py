"""The server a restore goes to: empty or told to be replaced, marked while it is half done."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from dataclasses import replace as changed
from typing import Any

import msgspec

from agent.errors import Refused
from agent.pitr.server import DURABLE, OURS, Client, connect, databases, rename, words

_MARK = "restore"


@dataclass(frozen=True)
class Mark:
    """What a target notes of a restore into it, so that one that was killed is never taken for done.

    `attempt` names the run: the same one again finds its own work; `answer` is what it ended with, `finished`
    when, in seconds since the epoch by the tools host's clock.
    """

    attempt: str
    at: str
    timeline: str
    databases: tuple[str, ...]
    done: bool = False
    answer: str = ""
    finished: float = 0.0


def mark_of(client: Client) -> Mark | None:
    """Return what the target has noted."""
    found = client[OURS]["restore"].find_one({"_id": _MARK})
    if found is None:
        return None
    del found["_id"]
    return Mark(**{**found, "databases": tuple(found["databases"])})


def note(client: Client, mark: Mark) -> None:
    """Note it, durably."""
    marks = client[OURS].get_collection("restore", write_concern=DURABLE)
    marks.replace_one({"_id": _MARK}, asdict(mark) | {"databases": list(mark.databases)}, upsert=True)


def holding(client: Client) -> dict[str, list[str]]:
    """Return the databases that hold documents, each with the collections that do."""
    found: dict[str, list[str]] = {}
    for db in databases(client):
        names = client[db].list_collection_names(filter={"type": {"$ne": "view"}})
        full = [
            name
            for name in names
            if not name.startswith("system.") and client[db][name].find_one({}, {"_id": 1}) is not None
        ]
        if full:
            found[db] = sorted(full)
    return found


def clear(client: Client, mark: Mark | None, replace: Iterable[str], restored: Iterable[str]) -> None:
    """Empty the target, so far as it may be: what an unfinished restore left, what was named, what is empty.

    Raises:
        Refused: it holds other data; nothing was touched.
    """
    ours = set(mark.databases) if mark is not None and not mark.done else set()
    held = holding(client)
    foreign = {db: names for db, names in held.items() if db not in ours and db not in set(replace)}
    if foreign:
        listed = "; ".join(f"{db} ({', '.join(names[:5])})" for db, names in sorted(foreign.items()))
        raise Refused(
            f"Expected an empty target, found data in it: {listed}; nothing was touched.",
            do="Restore into a new server, or name in `replace` the databases that may be replaced.",
        )
    for db in {*ours, *held, *(name for name in restored if name in databases(client))}:
        client.drop_database(db)


def answered(into: str, attempt: str) -> str:
    """Return what this very attempt ended with, as JSON; empty where the target holds something else."""
    with target(into) as client:
        mark = mark_of(client)
    return mark.answer if mark is not None and mark.done and attempt and mark.attempt == attempt else ""


def claim(into: str, mark: Mark, replace: Iterable[str]) -> None:
    """Empty the target and note what is begun there, so that what is half done is known as that.

    Raises:
        Refused: it holds data that may not be replaced; nothing was touched.
    """
    with target(into) as client:
        clear(client, mark_of(client), replace, mark.databases)
        note(client, mark)


def finish(into: str, mark: Mark, origin: Mapping[str, Any], answer: Any) -> None:
    """Note that it is done and what there is to say of it; the target has another history from here on."""
    with target(into) as client:
        rename(client, origin)
        said = msgspec.json.encode(answer).decode()
        note(client, changed(mark, done=True, answer=said, finished=time.time()))


@contextmanager
def target(into: str) -> Iterator[Client]:
    """Give a connection to the target, its errors in our words."""
    client = connect(into, 30)
    try:
        with words("The target"):
            yield client
    finally:
        client.close()
