"""What the API depends on is down: its own host and processes are sound."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """The unit `service` of host `host` is killed and not started again by itself."""

    host: str = "redis1"
    service: str = "redis-server"

    def strike(self, scene: Scene) -> Wound:
        """Kill it and keep it down."""
        script = 'systemctl kill --signal KILL "$1"; systemctl stop "$1"'
        scene.stack.hosts[self.host].exec("sh", "-c", script, "sh", self.service)
        return Wound(f"{self.service} of {self.host} is down")

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Start it, should it still be down."""
        del wound
        scene.stack.hosts[self.host].exec("systemctl", "start", self.service)
