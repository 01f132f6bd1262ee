"""The API is alive and silent: its processes stand still, the port is open, and nothing is answered."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """It has no settings."""

    def strike(self, scene: Scene) -> Wound:
        """Stop every process of it (SIGSTOP); those of its container where it has no unit."""
        if scene.unit:
            scene.host.exec("systemctl", "kill", "--signal", "STOP", scene.unit)
        else:
            # The first process of a container hears nobody inside, and would start others in their place.
            scene.host.container.kill(signal="SIGSTOP")
            scene.host.exec("sh", "-c", "kill -STOP -1")
        return Wound(f"every process of {scene.unit or scene.host.name} stands still")

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Let whatever still stands still go on."""
        del wound
        if scene.unit:
            scene.host.exec("systemctl", "kill", "--signal", "CONT", scene.unit, ok=())
