"""A run of bytes in the middle of Redis's incremental append-only file is overwritten."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from drills.rig.crash import crash
from drills.rig.fault import Harm, Scene, Wound

_DAMAGE = r"""
import re

HITS = {"any": rb"", "command": rb"(?<=\r\n)\*\d+\r\n", "value": rb"(?<=\r\n)[^$*\r][^\r]{63,}"}

def damage():
    path = newest("*.incr.aof")
    data = read(path)
    found = re.compile(HITS[order["hit"]]).search(data, place(path, data))
    if not found:
        sys.exit("no " + order["hit"] + " after that place")
    at = found.start()
    end = min(at + order["bytes"], len(data))
    # Every bit of every byte: no byte of the run is right by chance.
    flipped = bytes(byte ^ 0xFF for byte in data[at:end])
    overwrite(path, data[:at] + flipped + data[end:])
    return {"file": path, "size": len(data), "offset": at, "bytes": end - at,
            "was": data[at:end].hex(), "is": flipped.hex()}
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`bytes` are flipped at `where`: a share of the file or, with `since_backup`, of its end.

    `hit` moves the place on to the next start of a command, which Redis cannot read any more, or into the
    next long value, which it reads without a word and holds wrong from then on.
    """

    bytes: int = 64
    where: float = 0.5
    since_backup: bool = False
    hit: Literal["any", "command", "value"] = "any"

    def strike(self, scene: Scene) -> Wound:
        """Freeze, flip, kill."""
        return crash(
            scene,
            f"{self.bytes} bytes in the append-only file are flipped",
            _DAMAGE,
            bytes=self.bytes,
            where=self.where,
            since_backup=self.since_backup,
            hit=self.hit,
        )

    def seen(self, scene: Scene, wound: Wound) -> str:
        """The flipped bytes stand in the file."""
        held = scene.host.exec(
            "python3",
            "-c",
            _LOOK,
            str(wound.facts["file"]),
            str(wound.facts["offset"]),
            str(wound.facts["bytes"]),
            ok=(),
        )
        return (
            f"{wound.facts['file']} is damaged at {wound.facts['offset']}"
            if held.text == wound.facts["is"]
            else ""
        )


_LOOK = (
    "import sys; f=open(sys.argv[1],'rb'); f.seek(int(sys.argv[2])); print(f.read(int(sys.argv[3])).hex())"
)
