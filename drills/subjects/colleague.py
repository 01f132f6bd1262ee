"""A colleague in another terminal: while one run waits, he runs the page that it has told of."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from drills.rig.fault import Harm, Scene, Wound
from drills.rig.recovery import Agent, Said

_WITHIN = 300.0


@dataclass(frozen=True)
class Helped(Harm):
    """The fault `harm`, and `after` so many seconds a colleague who runs `page` on the host `limit`."""

    harm: Harm
    page: str
    limit: str
    after: float = 8.0
    said: list[Said] = field(default_factory=list)
    _begun: list[threading.Thread] = field(default_factory=list)

    def strike(self, scene: Scene) -> Wound:
        """Strike, and have the colleague told."""
        wound = self.harm.strike(scene)
        thread = threading.Thread(target=self._run, args=(scene,), daemon=True)
        self._begun.append(thread)
        thread.start()
        return wound

    def seen(self, scene: Scene, wound: Wound) -> str:
        """As the fault itself shows."""
        return self.harm.seen(scene, wound)

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Wait for the colleague, and take back what he did not mend."""
        for thread in self._begun:
            thread.join(_WITHIN)
        self.harm.heal(scene, wound)

    def _run(self, scene: Scene) -> None:
        threading.Event().wait(self.after)
        # Beside the inventory: that is the folder of the night's evidence.
        folder = scene.stack.inventory.parents[1] / "colleague"
        agent = Agent(scene.stack.inventory, folder)
        words = ("run", self.page, "--limit", self.limit, "--yes", "--runs", str(folder))
        self.said.append(agent.do(*words, within=_WITHIN))
