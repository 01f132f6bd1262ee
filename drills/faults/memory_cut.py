"""A container may use less memory than it needs: the kernel kills it whenever it has started."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """`megabytes` are what it may still use."""

    megabytes: int = 48

    def strike(self, scene: Scene) -> Wound:
        """Kill it, lower its limit and have it start; its restart policy does the rest."""
        host = scene.stack.hosts[scene.unit]
        at = host.power_off()
        limit = f"{self.megabytes}m"
        host.container.update(mem_limit=limit, memswap_limit=limit)
        host.container.start()
        return Wound(f"{scene.unit} may use {self.megabytes} MB", {"megabytes": self.megabytes}, at)
