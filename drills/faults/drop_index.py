"""An index is dropped: its queries read the whole collection from then on."""

from __future__ import annotations

import time
from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.mongo import administrator


@dataclass(frozen=True)
class Fault(Harm):
    """Which index, of which `database.collection`."""

    collection: str = "chatdb.messages"
    index: str = "roomId_createdAt"

    def strike(self, scene: Scene) -> Wound:
        """Drop it."""
        database, _, name = self.collection.partition(".")
        with administrator(scene.stack, scene.host.name) as client:
            # Writes wait while it is dropped; so the strike is the moment before.
            began = time.monotonic()
            client[database][name].drop_index(self.index)
        what = f"the index {self.index} of {self.collection} is dropped"
        return Wound(what, {"index": self.index}, (began, began))

    def seen(self, scene: Scene, wound: Wound) -> str:
        """It is not listed any more."""
        del wound
        database, _, name = self.collection.partition(".")
        with administrator(scene.stack, scene.host.name) as client:
            there = [spec["name"] for spec in client[database][name].list_indexes()]
        return "" if self.index in there else f"{self.collection} has the indexes {', '.join(there)}"
