"""The service's clock is wrong: it lives in another time than its host and everybody else."""

from __future__ import annotations

import time
from dataclasses import dataclass

from agent.errors import StepFailed
from drills.rig import toolbox
from drills.rig.fault import Harm, Scene, Wound

# Where Debian's unit lets Redis load programs from.
_LIBRARY = "/usr/lib/drill-faketime.so"
# Memory comes from libc: jemalloc asks for the time to give any, before the false clock is ready to tell it.
_DROP_IN = """\
set -eu
file=/run/systemd/system/$1.service.d/drill-clock.conf
mkdir -p "${file%/*}"
printf '[Service]\\nEnvironment="LD_PRELOAD=%s libc.so.6" FAKETIME=%s\\n' "$2" "$3" >"$file"
echo 'Environment=FAKETIME_DONT_FAKE_MONOTONIC=1' >>"$file"
systemctl daemon-reload
systemctl restart "$1"
"""
_TAKE_OUT = """\
rm -f "/run/systemd/system/$1.service.d/drill-clock.conf"
systemctl daemon-reload
systemctl restart "$1"
"""
_TIME = """\
REDISCLI_AUTH=$(sed -n 's/^requirepass //p' /etc/redis/password.conf) redis-cli TIME | head -n 1
"""


@dataclass(frozen=True)
class Fault(Harm):
    """`seconds` ahead of the true time, or behind it where they are less than none. Redis is asked its time.

    No container has a clock of its own, and the machine's must not be touched: the service is made to see
    another one, which needs a restart of it.
    """

    seconds: int = -7200

    def strike(self, scene: Scene) -> Wound:
        """Start the service in its own time."""
        scene.host.write(_LIBRARY, toolbox.file_of(scene.stack.engine, "*/faketime/libfaketime.so.1"))
        scene.host.exec("sh", "-c", _DROP_IN, "sh", scene.unit, _LIBRARY, f"{self.seconds:+d}")
        return Wound(f"the clock of {scene.unit} is off by {self.seconds} s")

    def seen(self, scene: Scene, wound: Wound) -> str:
        """Redis tells another time than we have."""
        del wound
        told = scene.host.exec("sh", "-c", _TIME).text
        if not told.isdigit():
            raise StepFailed(f"{scene.host.name}: expected Redis to tell its time, found {told!r}.")
        off = int(told) - time.time()
        return f"its clock is {abs(off):.0f} s {'ahead' if off > 0 else 'behind'}" if abs(off) > 60 else ""

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Start it in everybody's time again."""
        del wound
        scene.host.exec("sh", "-c", _TAKE_OUT, "sh", scene.unit)
