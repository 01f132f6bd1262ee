"""Indexes are built wrongly: one with other keys, and one not unique that should be and lets doubles in."""

from __future__ import annotations

import time
from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.mongo import administrator

DOUBLE = "double@drill.example"


@dataclass(frozen=True)
class Fault(Harm):
    """With `doubles`, two users with one e-mail address come in while the index is not unique."""

    doubles: bool = False

    def strike(self, scene: Scene) -> Wound:
        """Build both anew, wrongly, under the names they had."""
        with administrator(scene.stack, scene.host.name) as client:
            chat = client.chatdb
            # Writes wait while an index is dropped; so the strike is the moment before the first one is.
            began = time.monotonic()
            chat.messages.drop_index("roomId_createdAt")
            chat.messages.create_index([("createdAt", 1)], name="roomId_createdAt")
            chat.users.drop_index("email")
            chat.users.create_index("email", name="email")
            if self.doubles:
                chat.users.insert_many([{"email": DOUBLE, "name": f"double {n}"} for n in (1, 2)])
        what = "roomId_createdAt has other keys, and email is not unique"
        return Wound(what, {"doubles": self.doubles}, (began, began))

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The server lists them so."""
        del wound
        with administrator(scene.stack, scene.host.name) as client:
            specs = {spec["name"]: spec for spec in client.chatdb.messages.list_indexes()}
            users = {spec["name"]: spec for spec in client.chatdb.users.list_indexes()}
        keys = dict(specs.get("roomId_createdAt", {}).get("key", {}))
        if keys == {"roomId": 1, "createdAt": -1} and users.get("email", {}).get("unique"):
            return ""
        return f"roomId_createdAt has the keys {keys}, email is unique: {bool(users['email'].get('unique'))}"

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Take the doubles out."""
        del wound
        with administrator(scene.stack, scene.host.name) as client:
            client.chatdb.users.delete_many({"email": DOUBLE})
