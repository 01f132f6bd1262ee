"""Somebody deletes most documents, each as a user would: everything is sound, and gone.

Whoever notices takes the service off line at once, as one who will go back in time must: what it would
acknowledge from then on could only be thrown away. The strike is that moment.
"""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from agent.errors import StepFailed
from drills.rig.fault import Harm, Scene, Wound


@dataclass(frozen=True)
class Fault(Harm):
    """The documents of before (`doc-...`) go, at most `most` of them."""

    most: int = 60

    def strike(self, scene: Scene) -> Wound:
        """Delete them by the service's own door, and take it off line."""
        url = f"http://127.0.0.1:{scene.stack.hosts[scene.unit].port(8060)}"
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            found = client.get("/documents", params={"after": "doc-", "limit": self.most}).json()
            for row in found:
                answer = client.delete(f"/documents/{row['id']}")
                if answer.status_code not in (204, 404):
                    raise StepFailed(f"DELETE of {row['id']} was answered {answer.status_code}.")
        at = scene.stack.hosts[scene.unit].power_off()
        what = f"{len(found)} documents were deleted, and the service was taken off line"
        return Wound(what, {"documents": len(found)}, at)
