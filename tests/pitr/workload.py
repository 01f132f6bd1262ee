"""Writers whose every write is noted, so that what a server held at any moment is known without the log."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure, PyMongoError

from agent.pitr.server import RAW
from tests.mongo_standin import MongoServer

Key: TypeAlias = "tuple[str, int]"

COLLECTIONS = ("a", "b")


@dataclass
class Truth:
    """The states of each document in their order, with the cluster time that the server named for each."""

    states: dict[Key, list[bytes | None]] = field(default_factory=lambda: defaultdict(list))
    named: dict[Key, list[Timestamp]] = field(default_factory=lambda: defaultdict(list))
    before: dict[Key, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, key: Key, state: bytes | None, at: Timestamp) -> None:
        """Note a write."""
        with self.lock:
            self.states[key].append(state)
            self.named[key].append(at)

    @property
    def writes(self) -> int:
        """How many there were."""
        return sum(len(each) for each in self.states.values())

    def mark(self) -> None:
        """Say that the log begins here."""
        self.before = {key: len(states) for key, states in self.states.items()}

    def at(self, moment: Timestamp, log: dict[Key, list[Timestamp]]) -> dict[Key, bytes]:
        """Return the documents of a moment; `log` has the cluster times of each one's events."""
        found = {}
        for key, states in self.states.items():
            passed = self.before.get(key, 0) + bisect_right(log.get(key, []), moment)
            state = states[passed - 1] if passed else None
            if state is not None:
                found[key] = state
        return found

    def amiss(self, log: dict[Key, list[Timestamp]], until: Timestamp) -> list[str]:
        """Return where the log has not one event for each write, or a later one than its answer."""
        wrong = []
        for key, states in self.states.items():
            events = [at for at in log.get(key, []) if at <= until]
            named = self.named[key][self.before.get(key, 0) :]
            if len(events) != len(states) - self.before.get(key, 0):
                wrong.append(f"{key}: {len(named)} writes, {len(events)} events")
            elif any(said.time and said < at for said, at in zip(named, events, strict=True)):
                wrong.append(f"{key}: an event is later than the answer to its write")
        return wrong


class Writer(threading.Thread):
    """Writes to documents of its own until it is stopped, in every way a document can be altered."""

    def __init__(self, server: MongoServer, truth: Truth, n: int, *, documents: int = 40) -> None:
        """`n` tells writers apart: document `_id`s are its own."""
        super().__init__(daemon=True)
        self.acknowledged = 0
        self.left = 0
        self._server, self._truth, self._n, self._documents = server, truth, n, documents
        self._r = Random(n)
        self._ended = threading.Event()
        self._known: dict[Key, bytes | None] = {}

    def run(self) -> None:
        """Write."""
        # A write that the driver tried twice may have happened twice, with one state to be noted.
        with self._server.client(serverSelectionTimeoutMS=30_000, retryWrites=False) as client:
            database = client.get_database("shop", codec_options=RAW)  # type: ignore[arg-type]
            while not self._ended.is_set():
                self._one(client, database)

    def some(self, writes: int) -> None:
        """Write so many times, in this thread."""
        with self._server.client() as client:
            database = client.get_database("shop", codec_options=RAW)  # type: ignore[arg-type]
            while self.acknowledged < writes:
                self._one(client, database)

    def stop(self) -> None:
        """End it."""
        self._ended.set()
        self.join(60)

    def _one(self, client: Any, database: Any) -> None:
        name, number = self._r.choice(COLLECTIONS), self._n * 100_000 + self._r.randrange(self._documents)
        key = (name, number)
        try:
            with client.start_session() as session:
                self._alter(database[name], number, session)
                at = session.operation_time
                after = database[name].find_one({"_id": number})
        except OperationFailure:
            return
        except PyMongoError:
            # Whether it happened is not known: what is there now tells.
            self.left += 1
            after, at = self._again(database, key), None
        state = None if after is None else bytes(after.raw)
        if state != self._known.get(key):
            self._known[key] = state
            self._truth.note(key, state, at or Timestamp(0, 0))
            self.acknowledged += 1

    def _again(self, database: Any, key: Key) -> RawBSONDocument | None:
        while True:
            try:
                found: RawBSONDocument | None = database[key[0]].find_one({"_id": key[1]})
            except PyMongoError:
                if self._ended.wait(0.05):
                    return None
            else:
                return found

    def _alter(self, collection: Any, number: int, session: Any) -> None:
        r, key = self._r, {"_id": number}
        match r.randrange(12):
            case 0:
                collection.delete_one(key, session=session)
            case 1:
                collection.replace_one(key, self._whole(number), upsert=True, session=session)
            case 2:
                collection.update_one(key, {"$push": {"arr": r.randrange(9)}}, session=session)
            case 3:
                collection.update_one(key, {"$pop": {"arr": r.choice([1, -1])}}, session=session)
            case 4:
                collection.update_one(key, {"$pull": {"arr": 3}}, session=session)
            case 5:
                collection.update_one(
                    key, {"$set": {f"sub.n{r.randrange(3)}": {"z": [r.random()]}}}, session=session
                )
            case 6:
                collection.update_one(key, {"$unset": {f"sub.n{r.randrange(3)}": 1, "t": 1}}, session=session)
            case 7:
                collection.update_one(key, {"$set": {"sub": r.randrange(9)}}, session=session)
            case 8:
                collection.update_one(key, {"$set": {"sub": {"a": [{"q": 1}, {"q": 2}]}}}, session=session)
            case 9:
                collection.update_one(key, {"$set": {"sub.a.1.q": r.random()}}, session=session)
            case 10:
                collection.update_one(key, {"$inc": {"v": 1}}, session=session)
            case _:
                collection.update_one(key, {"$set": self._whole(number)}, upsert=True, session=session)

    def _whole(self, number: int) -> dict[str, Any]:
        r = self._r
        return {
            "_id": number,
            "v": r.randrange(100),
            "s": "x" * r.randrange(200),
            "arr": [r.randrange(9) for _ in range(r.randrange(5))],
            "sub": {"a": [{"q": 1}, {"q": 2}]},
            "t": None,
        }


def state_of(server: MongoServer, db: str = "shop") -> dict[Key, bytes]:
    """Return what a server holds."""
    with server.client() as client:
        return {
            (name, bson.decode(each.raw)["_id"]): bytes(each.raw)
            for name in client[db].list_collection_names(filter={"type": "collection"})
            for each in client.get_database(db, codec_options=RAW)[name].find()  # type: ignore[arg-type]
        }


def definitions_of(server: MongoServer, db: str = "shop") -> dict[str, Any]:
    """Return collections, views, options and indexes of a server."""
    with server.client() as client:
        return {
            each["name"]: (
                each["type"],
                each["options"],
                {}
                if each["type"] == "view"
                else {
                    name: {key: value for key, value in said.items() if key != "v"}
                    for name, said in client[db][each["name"]].index_information().items()
                },
            )
            for each in client[db].list_collections()
        }
