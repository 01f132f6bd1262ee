"""The end of Redis's incremental append-only file is missing, from inside a command on."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound

_DAMAGE = r"""
def damage():
    path = newest("*.incr.aof")
    data = read(path)
    keep = len(data) - order["bytes"]
    # A cut between two commands would go unnoticed.
    while data[:keep].endswith(b"\n"):
        keep -= 1
    overwrite(path, data[:keep])
    return {"file": path, "size_before": len(data), "size_after": keep}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`bytes` are cut off, and a few more where that would end at the end of a command."""

    bytes: int = 512

    def strike(self, scene: Scene) -> Wound:
        """Freeze, cut, kill."""
        return crash(
            scene, f"the last {self.bytes} bytes of the append-only file are gone", _DAMAGE, bytes=self.bytes
        )

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The file is no longer than the cut left it."""
        size = scene.host.exec("stat", "-c", "%s", str(wound.facts["file"]), ok=()).text
        return f"{wound.facts['file']} is cut short" if size == str(wound.facts["size_after"]) else ""
