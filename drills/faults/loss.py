"""The network loses packets at random, so that answers come late, in bursts, or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig import network
from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """`share` of the packets that come to `port` (0 = any) are lost."""

    share: float = 0.3
    port: int = 6379

    def strike(self, scene: Scene) -> Wound:
        """Lose them."""
        to = f"! -i lo -p tcp --dport {self.port}" if self.port else "! -i lo"
        network.filter_with(scene, f"{to} -m statistic --mode random --probability {self.share} -j DROP")
        return Wound(f"{self.share:.0%} of the packets to {scene.host.name} are lost")

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Lose none any more."""
        del wound
        network.let_through(scene)
