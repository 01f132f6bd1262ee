"""The server is killed with SIGKILL and its files are left alone: nothing acknowledged may be lost."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """It has no settings."""

    def strike(self, scene: Scene) -> Wound:
        """Kill it."""
        return crash(scene, "the server was killed", "")
