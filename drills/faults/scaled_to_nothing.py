"""Somebody scales the API to no replicas by kubectl, as by a typing error in the wrong terminal."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass

from agent.errors import StepFailed
from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """Which workload it is, in which namespace."""

    workload: str = "deployment/api"
    namespace: str = "chat"

    def strike(self, scene: Scene) -> Wound:
        """Scale it to nothing, with the kubectl that is on the PATH."""
        del scene
        words = ["kubectl", f"--namespace={self.namespace}", "scale", self.workload, "--replicas=0"]
        began = time.monotonic()
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise StepFailed(f"kubectl ended with code {done.returncode}: {done.stderr.strip()}")
        # The pods end while kubectl is still under way: users are cut off before it has returned.
        return Wound(f"{self.workload} is scaled to 0 replicas", {}, (began, began))
