"""A machine that is no more has left its lock in the data folder: the service ends as soon as it starts."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound

_LEAVE = 'printf %s "$2" >"$1" && chown 1000:1000 "$1"'


@dataclass(frozen=True)
class Fault(Harm):
    """`owner` is the machine that the lock names; one that runs makes it a lock that has to stay."""

    owner: str = "3f2a9c71be04"
    lock: str = "/data/refserver.lock"

    def strike(self, scene: Scene) -> Wound:
        """Kill it, leave the lock, and have it start; its restart policy does the rest."""
        host = scene.stack.hosts[scene.unit]
        at = host.power_off()
        scene.host.exec("sh", "-ec", _LEAVE, "sh", self.lock, self.owner)
        host.container.start()
        return Wound(f"{self.lock} names {self.owner}", {"owner": self.owner}, at)
