"""A MongoDB server is lost with its disks: killed, and every file of it deleted; nothing of it comes back."""

from __future__ import annotations

import time
from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound

_FOLDER = "/data/db"


@dataclass(frozen=True)
class Fault(Harm):
    """Which folder holds its files."""

    folder: str = _FOLDER

    def strike(self, scene: Scene) -> Wound:
        """Kill it, and delete its files from a container that has its volumes."""
        container = scene.host.container
        began = time.monotonic()
        container.kill()
        struck = (began, time.monotonic())
        left = scene.stack.engine.client.containers.run(
            str(container.attrs["Image"]),
            entrypoint=["sh", "-c", 'find "$1" -mindepth 1 -delete; find "$1" -mindepth 1 | wc -l', "sh"],
            command=[self.folder],
            user="root",
            volumes_from=[str(container.id)],
            network_mode="none",
            remove=True,
        )
        what = f"{scene.host.name} is killed and its disks are gone"
        return Wound(what, {"files_left": int(left)}, struck)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """It does not run."""
        del wound
        scene.host.container.reload()
        status = str(scene.host.container.status)
        return "" if status == "running" else f"{scene.host.name} is {status}"
