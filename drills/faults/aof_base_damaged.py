"""A run of bytes in the middle of the base file of Redis's append-only log is overwritten."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound

_DAMAGE = r"""
def damage():
    path = newest("*.base.rdb")
    data = read(path)
    at = int(len(data) * order["where"])
    end = min(at + order["bytes"], len(data))
    overwrite(path, data[:at] + bytes(byte ^ 0xFF for byte in data[at:end]) + data[end:])
    return {"file": path, "size": len(data), "offset": at, "bytes": end - at,
            "sha256": hashlib.sha256(read(path)).hexdigest()}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`bytes` are flipped at `where`, a share of the file."""

    bytes: int = 64
    where: float = 0.5

    def strike(self, scene: Scene) -> Wound:
        """Freeze, flip, kill."""
        return crash(
            scene,
            f"{self.bytes} bytes in the base file are flipped",
            _DAMAGE,
            bytes=self.bytes,
            where=self.where,
        )

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The file is the damaged one."""
        held = scene.host.exec("sha256sum", str(wound.facts["file"]), ok=()).text
        return f"{wound.facts['file']} is damaged" if held.startswith(str(wound.facts["sha256"])) else ""
