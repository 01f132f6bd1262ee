"""The power goes and comes back: what was not fsynced is gone, unlike after a kill -9."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NotFound
from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """`volume` is the compose file's volume that loses its power; the stack must have it as a disk."""

    volume: str = "redis1-data"

    def strike(self, scene: Scene) -> Wound:
        """Cut the power, put the disk back as it was at that moment, and switch the host on again."""
        if self.volume not in scene.stack.disks:
            raise NotFound(
                f"The volume {self.volume} is no disk of its own; start the stack with it in `disks`."
            )
        cut = scene.stack.disks[self.volume].cut_power(scene.host)
        boot = scene.host.power_on(services=False)
        return Wound(
            f"the power of {scene.host.name} was cut",
            {"volume": self.volume, "boot_seconds": round(boot, 2)},
            (cut.before, cut.after),
        )

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Switch the host on, should it still be off."""
        del wound
        if not scene.host.running:
            scene.host.power_on(services=False)
