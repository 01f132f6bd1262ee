"""A container is killed at the engine, as by an operator in a hurry: its restart policy leaves it down."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """`service` is the one of the stack that is killed ("" = the scene's)."""

    service: str = ""

    def strike(self, scene: Scene) -> Wound:
        """Kill it."""
        name = self.service or scene.unit
        at = scene.stack.hosts[name].power_off()
        return Wound(f"the container of {name} was killed", {"service": name}, at)
