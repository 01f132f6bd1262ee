"""RefServer's database and its vectors are damaged in the same moment, as by a disk that goes."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.wreck import wreck

_DAMAGE = """
def damage():
    database = sqlite3.connect(os.path.join(data, "refserver.db"))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    hit = []
    for name in ("refserver.db", "chromadb/chroma.sqlite3"):
        path = os.path.join(data, name)
        for number in range(1, os.path.getsize(path) // 4096, 2):
            overwrite(path, number * 4096, random.Random(order["seed"]).randbytes(4096))
        hit.append(name)
    return {"files": hit}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """It has no settings."""

    def strike(self, scene: Scene) -> Wound:
        """Kill, damage both, start."""
        return wreck(scene, "database and vectors are damaged", _DAMAGE)
