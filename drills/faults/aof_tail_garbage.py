"""Bytes that are no command stand after the end of Redis's incremental append-only file."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound

_DAMAGE = r"""
def damage():
    path = newest("*.incr.aof")
    data = read(path)
    overwrite(path, data + bytes.fromhex(order["noise"]))
    return {"file": path, "size_before": len(data), "size_after": len(data) + order["bytes"]}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`bytes` of noise are appended."""

    bytes: int = 512

    def strike(self, scene: Scene) -> Wound:
        """Freeze, append, kill."""
        return crash(
            scene, f"{self.bytes} bytes of noise stand after the append-only file", _DAMAGE, bytes=self.bytes
        )

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The file has the size that the noise gave it."""
        size = scene.host.exec("stat", "-c", "%s", str(wound.facts["file"]), ok=()).text
        return f"noise ends {wound.facts['file']}" if size == str(wound.facts["size_after"]) else ""
