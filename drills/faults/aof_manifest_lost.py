"""The manifest of Redis's append-only log is gone: Redis starts empty, answers PONG and looks healthy."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound

_DAMAGE = r"""
def damage():
    path = newest("*.manifest")
    was = read(path).decode()
    os.remove(path)
    return {"file": path, "was": was}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """It has no settings."""

    def strike(self, scene: Scene) -> Wound:
        """Freeze, remove, kill."""
        return crash(scene, "the manifest of the append-only log is gone", _DAMAGE)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The manifest is not the one it was: Redis has made another by itself, or there is none."""
        held = scene.host.exec("cat", str(wound.facts["file"]), ok=()).out.decode("utf-8", "replace")
        return "" if held == wound.facts["was"] else f"{wound.facts['file']} is not what it was"
