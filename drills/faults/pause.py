"""The service stands still: it accepts connections and answers nobody, as in a stop of the world."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """It has no settings."""

    def strike(self, scene: Scene) -> Wound:
        """Freeze every process of it."""
        scene.host.exec("systemctl", "kill", "-s", "STOP", scene.unit)
        return Wound(f"{scene.unit} stands still")

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Let it go on."""
        del wound
        scene.host.exec("systemctl", "kill", "-s", "CONT", scene.unit, ok=())
