"""A disk is filled to its last byte: by a log that grew, or by something nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import StepFailed
from drills.rig.fault import Harm, Scene, Wound

# Without room for another block dd ends with 1, which is what is wanted; then smaller ones still fit in.
_FILL = """\
for size in 1M 4k 1; do
  yes "a line that says the same" | dd of="$1" bs=$size iflag=fullblock oflag=append conv=notrunc
done
"""
_LITTLE = 256 << 10
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
        # Whoever is at work there lets go of a little at any moment.
        if left > _LITTLE:
            raise StepFailed(
                f"Expected no room on {self.disk}, found {left} bytes of it: the disk is not full."
            )
        size = int(scene.host.exec("stat", "-c", "%s", self.file).text)
        said = f"{self.file} has grown to {size >> 20} MB: {self.disk} is full, {left} bytes left"
        return Wound(said, {"bytes": size, "left": left})
