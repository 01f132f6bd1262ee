"""A wrong query is sent to a living MongoDB: it deletes many documents, alters many others, or both."""

from __future__ import annotations

import time
from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.mongo import administrator

_SPOILT = "spoilt by a wrong query"


@dataclass(frozen=True)
class Fault(Harm):
    """What it does to the messages of the oldest rooms, a hundred in each.

    The messages of the first `deleted` rooms are deleted, those of the next `altered` are overwritten. With
    `topics`, the topic of every room is too, which users go on changing.
    """

    deleted: int = 8
    altered: int = 4
    topics: bool = False

    def strike(self, scene: Scene) -> Wound:
        """Send it."""
        with administrator(scene.stack, scene.host.name, 60) as client:
            chat = client.chatdb
            began = time.monotonic()
            gone = chat.messages.delete_many({"roomId": {"$in": _rooms(0, self.deleted)}}).deleted_count
            rooms = _rooms(self.deleted, self.deleted + self.altered)
            spoilt = chat.messages.update_many({"roomId": {"$in": rooms}}, {"$set": {"text": _SPOILT}})
            also = chat.rooms.update_many({}, {"$set": {"topic": _SPOILT}}) if self.topics else None
        what = f"{gone} messages are deleted and {spoilt.modified_count} overwritten"
        if also is not None:
            what += f", and so are {also.modified_count} topics"
        return Wound(what, {"deleted": gone, "altered": spoilt.modified_count}, (began, began))

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The messages are not there, or say something else."""
        del wound
        with administrator(scene.stack, scene.host.name) as client:
            messages = client.chatdb.messages
            spoilt = messages.count_documents({"text": _SPOILT})
            left = messages.count_documents({"roomId": {"$in": _rooms(0, self.deleted)}})
        if spoilt or (self.deleted and not left):
            return f"{spoilt} messages are spoilt, {left} are left in {self.deleted} rooms"
        return ""


def _rooms(first: int, end: int) -> list[str]:
    return [f"drill-room-{number:05d}" for number in range(first, end)]
