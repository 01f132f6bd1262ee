"""The disk under the service's data is full to the last byte, for good or for a while."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NotFound, StepFailed
from drills.rig.fault import Harm, Scene, Wound

_NAME = "drill-filler"
_FILL = """\
set -eu
cd "$1"
avail=$(df -B1 --output=avail . | tail -n 1)
fallocate -l "$avail" "$2" 2>/dev/null || :
# What is left is filled by writing until there is no room.
dd if=/dev/zero of="$2.rest" bs=4k 2>/dev/null || :
df -B1 --output=avail . | tail -n 1
"""
_EMPTY = 'rm -f "$1/$2" "$1/$2.rest"'
# Redis says once that it cannot write its log, and once that it can again.
_UNTIL = """\
timeout 20 sh -c 'until tail -c +"$1" "$2" | grep -q "$3"; do sleep 0.05; done' sh "$@"
"""
_LOG = "/var/log/redis/redis-server.log"
_CHECK = 'redis-check-aof "$1/appendonlydir/appendonly.aof.manifest" 2>&1 | grep "format error" || :'
_REFUSED = "while writing to the AOF file\\|Error writing"
_TRIES = 5


@dataclass(frozen=True)
class Fault(Harm):
    """`volume` is the compose file's volume that fills up; the stack must have it as a disk of its own.

    With `for_a_while` it has room again once Redis was refused a write. Redis then goes on as if nothing had
    been. But where it had cut half a command off its log it writes on at the old place (7.0 does not append),
    and between the two lie zeros: with such a log it will never start again.
    """

    volume: str = "redis1-data"
    for_a_while: bool = False

    def strike(self, scene: Scene) -> Wound:
        """Fill it."""
        if self.volume not in scene.stack.disks:
            raise NotFound(
                f"The volume {self.volume} is no disk of its own, and to fill it would fill this machine's; "
                "start the stack with it in `disks`."
            )
        if self.for_a_while:
            return self._for_a_while(scene)
        return Wound(f"the disk of {scene.data_dir} is full", {"left": _fill(scene)})

    def _for_a_while(self, scene: Scene) -> Wound:
        # Where the last write had filled its block to the byte there was no half command: so, once more.
        for times in range(1, _TRIES + 1):
            size = scene.host.exec("stat", "-c", "%s", _LOG).text
            _fill(scene)
            scene.host.exec("sh", "-c", _UNTIL, "sh", size, _LOG, _REFUSED)
            scene.host.exec("sh", "-c", _EMPTY, "sh", scene.data_dir, _NAME)
            scene.host.exec("sh", "-c", _UNTIL, "sh", size, _LOG, "looks solved")
            if hole := scene.host.exec("sh", "-c", _CHECK, "sh", scene.data_dir).text:
                what = f"the disk of {scene.data_dir} was full for a moment, and has room again"
                return Wound(what, {"times": times, "checked": hole})
        raise StepFailed(f"{scene.host.name}: expected a hole in the log of Redis, found none.")

    def seen(self, scene: Scene, wound: Wound) -> str:
        """No room is left; or there is, and what came of it stands in the log."""
        del wound
        if self.for_a_while:
            said = scene.host.exec("sh", "-c", _CHECK, "sh", scene.data_dir).text
            return f"redis-check-aof: {said}" if said else ""
        left = scene.host.exec("df", "-B1", "--output=avail", scene.data_dir).text.split()[-1]
        return f"{scene.data_dir} has {left} bytes left" if int(left) < (1 << 20) else ""

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Take away what fills it."""
        del wound
        scene.host.exec("sh", "-c", _EMPTY, "sh", scene.data_dir, _NAME)


def _fill(scene: Scene) -> int:
    """Fill it up and return the bytes that are left."""
    return int(scene.host.exec("sh", "-c", _FILL, "sh", scene.data_dir, _NAME).text)
