"""Nobody reaches the service any more: its packets vanish on the way; the host itself can be reached."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig import network
from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """`port` is the service's; 0 cuts the host off as a whole. With `refused` the answer is a reset."""

    port: int = 6379
    refused: bool = False

    def strike(self, scene: Scene) -> Wound:
        """Drop what comes in."""
        to = f"! -i lo -p tcp --dport {self.port}" if self.port else "! -i lo -p tcp"
        how = "REJECT --reject-with tcp-reset" if self.refused else "DROP"
        network.filter_with(scene, f"{to} -j {how}")
        return Wound(f"{scene.host.name} is cut off at port {self.port or 'any'}")

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Let packets through again."""
        del wound
        network.let_through(scene)
