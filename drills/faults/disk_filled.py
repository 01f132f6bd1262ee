"""A disk is filled to its last byte: by a log that grew, or by something nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import StepFailed
from drills.rig.fault import Harm, Scene, Wound

# Without room for another byte dd ends with 1, which is what is wanted.
_FILL = 'yes "a line that says the same" | dd of="$1" bs=1M iflag=fullblock oflag=append conv=notrunc'
_LEFT = 'df -B1 --output=avail "$1" | tail -n 1'


@dataclass(frozen=True)
class Fault(Harm):
    """`file` is what grows; it is removed when the fault is healed, where it is not the service's own."""

    file: str = "/data/logs/refserver.log"
    disk: str = "/data"

    def strike(self, scene: Scene) -> Wound:
        """Fill it."""
        scene.host.exec("sh", "-c", _FILL, "sh", self.file, ok=())
        left = int(scene.host.exec("sh", "-c", _LEFT, "sh", self.disk).text)
        if left:
            raise StepFailed(f"Expected no byte left on {self.disk}, found {left}: the disk is not full.")
        size = int(scene.host.exec("stat", "-c", "%s", self.file).text)
        said = f"{self.file} has grown to {size >> 20} MB: {self.disk} is full, {left} bytes left"
        return Wound(said, {"bytes": size, "left": left})
