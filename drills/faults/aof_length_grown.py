"""One length in the middle of Redis's incremental append-only file is far too large: $30 reads $99999999."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound

_DAMAGE = r"""
import re
def damage():
    path = newest("*.incr.aof")
    data = read(path)
    found = re.compile(rb"\r\n\$(\d+)\r\n").search(data, place(path, data))
    if not found:
        sys.exit("no length after that place")
    grown = b"99999999"
    overwrite(path, data[:found.start(1)] + grown + data[found.end(1):])
    return {"file": path, "size_before": len(data), "offset": found.start(1), "was": found[1].decode(),
            "is": grown.decode(), "size_after": len(data) - len(found[1]) + len(grown)}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """The first length after `where`: a share of the file or, with `since_backup`, of its end."""

    where: float = 0.5
    since_backup: bool = False

    def strike(self, scene: Scene) -> Wound:
        """Freeze, grow, kill."""
        return crash(
            scene,
            "a length in the append-only file was grown",
            _DAMAGE,
            where=self.where,
            since_backup=self.since_backup,
        )

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The file has the size that the longer number gave it."""
        size = scene.host.exec("stat", "-c", "%s", str(wound.facts["file"]), ok=()).text
        return f"a length in {wound.facts['file']} is grown" if size == str(wound.facts["size_after"]) else ""
