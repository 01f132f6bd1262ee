"""Hosts are gone with their disks: every process of them ends at once, and nothing that they kept is left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.host import StackHost


@dataclass(frozen=True)
class Fault(Harm):
    """`services` fall together, the first of them first; `disks` are the folders lost, by service."""

    services: tuple[str, ...] = ()
    disks: dict[str, str] = field(default_factory=dict)

    def strike(self, scene: Scene) -> Wound:
        """Take their power away, and delete what is on their disks from a container that has them."""
        hosts = [scene.stack.hosts[name] for name in self.services]
        began = time.monotonic()
        hosts[0].power_off()
        struck = (began, time.monotonic())
        for host in hosts[1:]:
            host.power_off()
        left = {name: _emptied(scene, scene.stack.hosts[name], folder) for name, folder in self.disks.items()}
        what = f"{' and '.join(self.disks)} are gone with their disks" if len(left) > 1 else _one(self.disks)
        return Wound(what, {"services": list(self.services), "files_left": left}, struck)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """None of them runs."""
        del wound
        gone = [name for name in self.services if not scene.stack.hosts[name].running]
        return f"{', '.join(gone)} do not run" if gone else ""


def _one(disks: dict[str, str]) -> str:
    return f"{next(iter(disks), 'nothing')} is gone with its disk"


def _emptied(scene: Scene, host: StackHost, folder: str) -> int:
    """Delete everything in a folder of a host that is off; return how many files are left."""
    said = scene.stack.engine.client.containers.run(
        str(host.container.attrs["Image"]),
        entrypoint=["sh", "-c", 'find "$1" -mindepth 1 -delete; find "$1" -mindepth 1 | wc -l', "sh"],
        command=[folder],
        user="root",
        volumes_from=[str(host.container.id)],
        network_mode="none",
        remove=True,
    )
    return int(said)
