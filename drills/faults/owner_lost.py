"""A service's files belong to root and nobody else may read them, as after a copy made in a hurry."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound

_TAKE = """
find "$@" -type d -exec chmod 0700 {} + -o -type f -exec chmod 0600 {} +
chown -R root:root "$@"
find "$@" | wc -l
"""


@dataclass(frozen=True)
class Fault(Harm):
    """Everything below these paths."""

    paths: tuple[str, ...] = ("/data/pdfs", "/data/refserver.db")

    def strike(self, scene: Scene) -> Wound:
        """Change hands while the service runs."""
        done = scene.host.exec("sh", "-ec", _TAKE, "sh", *self.paths)
        return Wound(f"{', '.join(self.paths)} belong to root", {"files": int(done.text)})

    def seen(self, scene: Scene, wound: Wound) -> str:
        """Whether it still belongs to root."""
        del wound
        owner = scene.host.exec("stat", "-c", "%U", self.paths[0], ok=()).text
        return f"{self.paths[0]} belongs to root" if owner == "root" else ""
