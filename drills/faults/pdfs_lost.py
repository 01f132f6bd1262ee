"""PDF files of RefServer are removed, or rot under their old size and date, while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.wreck import wreck

_DAMAGE = """
def damage():
    folder = os.path.join(data, "pdfs")
    names = sorted(name for name in os.listdir(folder) if name.startswith("doc-"))[:order["first"]]
    for name in names:
        path = os.path.join(folder, name)
        if order["kind"] == "deleted":
            os.unlink(path)
        else:
            facts = os.stat(path)
            overwrite(path, 40, b"rotten")
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    return {"files": len(names), "first": names[:3]}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`kind` is deleted or rotten, of the `first` so many files by name."""

    kind: str = "deleted"
    first: int = 60

    def strike(self, scene: Scene) -> Wound:
        """Change them under the running service."""
        what = f"PDF files are {self.kind}"
        return wreck(scene, what, _DAMAGE, off=False, kind=self.kind, first=self.first)
