"""The service's files belong to root and nobody else may read them, as after a copy made in a hurry."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound

_DAMAGE = r"""
def damage():
    touched = []
    top = os.path.join(order["data_dir"], order["below"])
    for folder, folders, files in os.walk(top):
        for path in [folder, *(os.path.join(folder, name) for name in files)]:
            os.chown(path, 0, 0)
            os.chmod(path, 0o700 if path == folder else 0o600)
            touched.append(path)
    return {"folder": top, "files": touched}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """Everything in the folder `below` the data folder."""

    below: str = "appendonlydir"

    def strike(self, scene: Scene) -> Wound:
        """Freeze, change hands, kill."""
        return crash(scene, f"{self.below} belongs to root", _DAMAGE, below=self.below)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The folder still belongs to root."""
        owner = scene.host.exec("stat", "-c", "%U", str(wound.facts["folder"]), ok=()).text
        return f"{wound.facts['folder']} belongs to root" if owner == "root" else ""
