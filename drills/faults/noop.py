"""Nothing at all: a drill that passes with this fault proves nothing."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """It has no settings. Copy this file to write a fault."""

    def strike(self, scene: Scene) -> Wound:
        """Do nothing."""
        del scene
        return Wound("nothing was done")
