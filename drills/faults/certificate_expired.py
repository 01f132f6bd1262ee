"""The API's certificate has expired: it runs, and no client will speak to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """The command `renew` of the host makes one that is good for so many days, less than none here."""

    renew: str = "/usr/local/sbin/renew-certificate"
    days: int = -1

    def strike(self, scene: Scene) -> Wound:
        """Let it serve with one that expired yesterday."""
        scene.host.exec(self.renew, str(self.days))
        # Until it is restarted it serves with the one before.
        began = time.monotonic()
        scene.host.exec("systemctl", "restart", scene.unit)
        return Wound("the certificate expired yesterday", {}, (began, began))
