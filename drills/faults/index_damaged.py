"""Entries of an index are lost on disk: queries by it lack documents, and the server calls it valid."""

from __future__ import annotations

import time
from dataclasses import dataclass

from agent.errors import StepFailed
from drills.rig.fault import Harm, Scene, Wound
from drills.rig.mongo import administrator

_DAMAGE = "/usr/local/bin/damage-index"


@dataclass(frozen=True)
class Fault(Harm):
    """Every `every`-th entry of that index is taken out, while the server is stopped.

    Only the stand-in's files can be damaged so; MongoDB's own refuse to open where they disagree.
    """

    collection: str = "chatdb.messages"
    index: str = "roomId_createdAt"
    every: int = 10

    def strike(self, scene: Scene) -> Wound:
        """Stop the server, damage its files, and start it again."""
        container = scene.host.container
        if scene.host.exec("test", "-x", _DAMAGE, ok=()).rc:
            raise StepFailed(
                f"{scene.host.name}: expected the stand-in, whose files can be damaged, found another image.",
                do="Unset MONGO_IMAGE for this drill.",
            )
        began = time.monotonic()
        container.stop()
        struck = (began, time.monotonic())
        words = [_DAMAGE, *self.collection.split("."), self.index, str(self.every)]
        said = scene.stack.engine.client.containers.run(
            str(container.attrs["Image"]),
            entrypoint=["/opt/standin/bin/python", *words],
            command=[],
            volumes_from=[str(container.id)],
            network_mode="none",
            remove=True,
        )
        seen, lost = (int(word) for word in said.split())
        container.start()
        scene.host.ready()
        what = f"{lost} of {seen} entries of {self.index} are lost"
        return Wound(what, {"index": self.index, "entries": seen, "lost": lost}, struck)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """Counted by the index there are fewer than counted without it."""
        del wound
        database, _, name = self.collection.partition(".")
        with administrator(scene.stack, scene.host.name, 30) as client:
            place = client[database][name]
            found = [place.count_documents({}, hint=hint) for hint in (self.index, [("$natural", 1)])]
        return "" if found[0] == found[1] else f"by {self.index} there are {found[0]} of {found[1]} documents"
