"""RefServer's SQLite database is damaged on its disk, in one of the ways that a file can be."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.wreck import wreck

_DAMAGE = """
def damage():
    path = os.path.join(data, "refserver.db")
    kind = order["kind"]
    if kind != "wal_deleted":
        # Otherwise the log would lie over the damage and hide it.
        database = sqlite3.connect(path)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if kind == "changed":
            known = "SELECT id FROM documents WHERE id LIKE 'doc-%' ORDER BY id LIMIT 3"
            rows = database.execute(known).fetchall()
            for row in rows:
                database.execute("UPDATE documents SET sha256 = 'x' || substr(sha256, 2) WHERE id = ?", row)
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if kind == "freed_page":
            # What was deleted leaves pages for the next writes: the first of them lists the others.
            database.execute("CREATE TABLE gone (filling)")
            database.execute("INSERT INTO gone VALUES (zeroblob(400000))")
            database.execute("DROP TABLE gone")
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
    size = os.path.getsize(path)
    if kind == "header":
        overwrite(path, 0, bytes(100))
    elif kind == "page":
        for number in range(1, size // 4096, 3):
            overwrite(path, number * 4096, random.Random(order["seed"]).randbytes(4096))
    elif kind == "freed_page":
        with open(path, "rb") as file:
            trunk = int.from_bytes(file.read(36)[32:], "big")
        if not trunk:
            sys.exit("SQLite freed no page")
        overwrite(path, (trunk - 1) * 4096, random.Random(order["seed"]).randbytes(4096))
    elif kind == "truncated":
        os.truncate(path, size // 2 // 4096 * 4096)
    elif kind == "empty":
        os.truncate(path, 0)
    elif kind == "gone":
        os.unlink(path)
    if kind in ("gone", "empty", "wal_deleted"):
        for end in ("-wal", "-shm"):
            if os.path.exists(path + end):
                os.unlink(path + end)
    return {"kind": kind, "bytes": size}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`kind` is header, page, freed_page, truncated, empty, gone, wal_deleted or changed (soundly)."""

    kind: str = "header"

    def strike(self, scene: Scene) -> Wound:
        """Kill, damage, start."""
        return wreck(scene, f"the database is damaged: {self.kind}", _DAMAGE, kind=self.kind)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """Changed rows show where somebody looks, a freed page when it is wanted."""
        del scene
        shown = {"changed": "rows do not say what they said", "freed_page": "the list of free pages is none"}
        return f"{shown[self.kind]}: {wound.facts}" if self.kind in shown else ""
