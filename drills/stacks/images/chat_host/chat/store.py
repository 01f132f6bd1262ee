"""Users, rooms and messages in MongoDB: acknowledged by a majority and on its disks, or not at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from socket import gethostname
from typing import Any

from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError
from pymongo.write_concern import WriteConcern

from .settings import Settings

Document = dict[str, Any]
INDEXES: dict[str, list[Document]] = json.loads(Path(__file__).with_name("indexes.json").read_text())


class Taken(Exception):
    """Somebody else has that name already."""


class Store:
    """The database. Every method raises pymongo's errors where it does not answer."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected before the first question."""
        wait = int(settings.dependency * 1000)
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(
            settings.mongo_uri,
            serverSelectionTimeoutMS=wait,
            connectTimeoutMS=wait,
            timeoutMS=wait,
            tz_aware=True,
            appname="chat",
        )
        # An acknowledged message has to outlive the loss of any one disk.
        self._db: AsyncDatabase[Document] = self._client.get_default_database("chatdb").with_options(
            write_concern=WriteConcern("majority", j=True)
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def check(self) -> None:
        """See that it takes a write, as it does from users."""
        # A majority that is gone or a full disk shows in a write alone.
        await self._db.health.update_one({"_id": gethostname()}, {"$set": {"at": _now()}}, upsert=True)

    async def create_indexes(self) -> list[str]:
        """Create every index that `indexes.json` declares and return their names; safe to repeat."""
        made = []
        for collection, declared in INDEXES.items():
            for index in declared:
                options = {key: value for key, value in index.items() if key != "key"}
                made.append(await self._db[collection].create_index(list(index["key"].items()), **options))
        return made

    async def counts(self) -> dict[str, int]:
        """Return how many users, rooms and messages there are."""
        names = ("users", "rooms", "messages")
        return {name: await self._db[name].estimated_document_count() for name in names}

    async def add_user(self, email: str, name: str, password: str) -> Document:
        """Add a user with the hash of a password; raises Taken where the e-mail address is known."""
        user = {"_id": ObjectId(), "email": email, "name": name, "password": password, "createdAt": _now()}
        try:
            await self._db.users.insert_one(user)
        except DuplicateKeyError:
            raise Taken from None
        return user

    async def user(self, email: str) -> Document | None:
        """Return the user with that e-mail address."""
        return await self._db.users.find_one({"email": email})

    async def put_room(self, room: str, members: Sequence[str]) -> Document:
        """Return the room, made with these members where it is new; raises Taken where it is another's."""
        found = await self.room(room)
        if found is None:
            made: Document = {"_id": room, "members": list(members), "topic": "", "createdAt": _now()}
            try:
                await self._db.rooms.insert_one(made)
            except DuplicateKeyError:
                found = await self.room(room)
            else:
                return made
        if found is None or members[0] not in found["members"]:
            raise Taken
        return found

    async def room(self, room: str) -> Document | None:
        """Return one room."""
        return await self._db.rooms.find_one({"_id": room})

    async def rooms(self, user: str) -> list[Document]:
        """Return the rooms somebody is a member of."""
        return await self._db.rooms.find({"members": user}).to_list()

    async def set_topic(self, room: str, topic: str) -> None:
        """Replace a room's topic."""
        await self._db.rooms.update_one({"_id": room}, {"$set": {"topic": topic}})

    async def add_messages(
        self, room: str, sender: str, sent: Sequence[tuple[str, datetime]]
    ) -> list[Document]:
        """Store messages (text, time) and return them; all are stored when this returns."""
        made: list[Document] = [
            {"_id": ObjectId(), "roomId": room, "senderId": sender, "text": text, "createdAt": when}
            for text, when in sent
        ]
        if len(made) == 1:
            await self._db.messages.insert_one(made[0])
        else:
            await self._db.messages.insert_many(made)
        return made

    async def history(self, room: str, before: datetime | None, limit: int) -> list[Document]:
        """Return a page of a room's messages, the newest first, written before a time.

        Messages of one millisecond are never split over two pages, so a reader needs nothing but `before`.
        """
        wanted: Document = {"roomId": room}
        if before is not None:
            wanted["createdAt"] = {"$lt": before}
        found = await self._db.messages.find(wanted).sort("createdAt", -1).limit(limit + 1).to_list()
        if len(found) > limit:
            edge = found[-1]["createdAt"]
            found = [message for message in found if message["createdAt"] != edge] or found[:limit]
        return sorted(found, key=lambda message: (message["createdAt"], message["_id"]), reverse=True)


def _now() -> datetime:
    return datetime.now(UTC)
