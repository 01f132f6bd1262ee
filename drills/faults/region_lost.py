"""A region is lost: each of its servers killed in the same moment, and every file on their own disks gone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.host import StackHost

_DELETE = """\
for folder; do find "$folder" -mindepth 1 -delete; done
for folder; do find "$folder" -mindepth 1; done | wc -l
"""


def _home() -> Mapping[str, tuple[str, ...]]:
    return {"redis1": ("/var/lib/redis", "/backup"), "mongo1": ("/data/db",)}


@dataclass(frozen=True)
class Fault(Harm):
    """`disks` are the folders that each host loses; what is shared with other regions is not among them."""

    disks: Mapping[str, tuple[str, ...]] = field(default_factory=_home)

    def strike(self, scene: Scene) -> Wound:
        """Kill them all, and then delete their files from containers that have their volumes."""
        hosts = [scene.stack.hosts[name] for name in self.disks]
        began = time.monotonic()
        for host in hosts:
            host.container.kill()
        struck = (began, time.monotonic())
        left = {host.name: _delete(scene, host, self.disks[host.name]) for host in hosts}
        what = f"the region is lost: {', '.join(self.disks)} are killed and their disks are gone"
        return Wound(what, {"files_left": left}, struck)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """None of them runs."""
        del wound
        down = [name for name in self.disks if not scene.stack.hosts[name].running]
        return f"{', '.join(down)} are down" if len(down) == len(self.disks) else ""


def _delete(scene: Scene, host: StackHost, folders: tuple[str, ...]) -> int:
    left = scene.stack.engine.client.containers.run(
        str(host.container.attrs["Image"]),
        entrypoint=["sh", "-c", _DELETE, "sh"],
        command=list(folders),
        user="root",
        volumes_from=[str(host.container.id)],
        network_mode="none",
        remove=True,
    )
    return int(left)
