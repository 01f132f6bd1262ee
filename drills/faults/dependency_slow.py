"""What the API depends on is there and too slow to be of use, for a while: something starves it."""

from __future__ import annotations

from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound

# It gets a moment of each turn, as beside a job that takes the whole machine.
_STARVE = """\
trap 'systemctl kill --signal CONT "$0"; exit 0' TERM
while :; do
    systemctl kill --signal STOP "$0"
    sleep "$1" & wait
    systemctl kill --signal CONT "$0"
    sleep "$2" & wait
done
"""


@dataclass(frozen=True)
class Fault(Harm):
    """The unit `service` of `host` stands still for `still` seconds in each turn, works for `works`.

    Whatever starves it ends after `seconds`.
    """

    host: str = "redis1"
    service: str = "redis-server"
    still: float = 4.0
    works: float = 0.05
    seconds: float = 20.0

    def strike(self, scene: Scene) -> Wound:
        """Begin to starve it."""
        scene.stack.hosts[self.host].exec(
            *("systemd-run", "--quiet", "--collect", "--unit", "batch-export"),
            *("--property", f"RuntimeMaxSec={self.seconds:g}"),
            *("sh", "-c", _STARVE, self.service, str(self.still), str(self.works)),
        )
        until = 'until ps -o stat= -p "$(systemctl show -P MainPID "$1")" | grep -q T; do sleep 0.02; done'
        scene.stack.hosts[self.host].exec("sh", "-c", until, "sh", self.service)
        what = f"{self.service} of {self.host} works for {self.works:g} s of each {self.still + self.works:g}"
        return Wound(f"{what}, for {self.seconds:g} s", {"seconds": self.seconds})

    def heal(self, scene: Scene, wound: Wound) -> None:
        """End what starves it."""
        del wound
        host = scene.stack.hosts[self.host]
        host.exec("systemctl", "stop", "batch-export", ok=())
        host.exec("systemctl", "kill", "--signal", "CONT", self.service)
