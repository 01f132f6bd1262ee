"""Redis answers PING and reads, and refuses every write: it waits for a replica that does not exist."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound

FILE = "/etc/redis/drillyard.conf"
_LINE = "min-replicas-to-write 1"


@dataclass(frozen=True)
class Fault(Harm):
    """It has no settings."""

    def strike(self, scene: Scene) -> Wound:
        """Write the setting into the server's configuration and restart it."""
        scene.host.exec("sh", "-c", f"echo {_LINE} >>{FILE}")
        scene.host.exec("systemctl", "restart", scene.unit)
        return Wound("every write is refused", {"file": FILE, "line": _LINE})

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The setting stands in the configuration."""
        del wound
        found = scene.host.exec("grep", "-qx", _LINE, FILE, ok=()).rc == 0
        return f"{FILE} says {_LINE}" if found else ""

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Take the line out again and restart."""
        del wound
        scene.host.exec("sed", "-i", f"/^{_LINE}$/d", FILE)
        scene.host.exec("systemctl", "restart", scene.unit, ok=())
