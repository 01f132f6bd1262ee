"""An old server that comes back with its data while the agent is already on its way to another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from agent.errors import StepFailed
from drills.rig.backups import Bench
from drills.rig.fault import Harm, Scene, Wound
from drills.rig.mongo import administrator
from drills.rig.recovery import Agent, Kill, Recovery, Told
from drills.rig.subject import Subject
from drills.rig.verdict import Claim
from drills.subjects.mongodb_night import HOST, SPARE, capture_goes_on

_WRITTEN = 20  # messages that tell where users are
_WITHIN = 30.0
_pause = threading.Event()


@dataclass
class ComesBack(Harm):
    """`harm` takes the old server down and leaves its disks; as the agent begins `step` it is started again.

    `back` is when it answered again (monotonic seconds), `grown` how many messages old and new server have
    more of what users wrote once the agent had ended.
    """

    harm: Harm
    step: str = "restore"
    back: float | None = None
    grown: tuple[int, int] | None = None
    _scene: Scene | None = None
    _started: list[threading.Thread] = field(default_factory=list)

    def strike(self, scene: Scene) -> Wound:
        """Take it down."""
        self._scene = scene
        return self.harm.strike(scene)

    def seen(self, scene: Scene, wound: Wound) -> str:
        """As the fault itself shows."""
        return self.harm.seen(scene, wound)

    def heal(self, scene: Scene, wound: Wound) -> None:
        """As the fault itself is taken back."""
        for thread in self._started:
            thread.join(_WITHIN)
        self.harm.heal(scene, wound)

    def agent(self) -> type[Agent]:
        """Return the agent's command line; whoever runs a page with it has the server started on its way."""
        heard = self._hear

        class Watched(Agent):
            """The agent, heard by whoever starts the old server."""

            def recover(
                self,
                page: str,
                *,
                within: float,
                hear: Callable[[Told], None] | None = None,
                kills: Sequence[Kill] = (),
            ) -> Recovery:
                """Run a page to its end."""

                def both(told: Told) -> None:
                    heard(told)
                    if hear:
                        hear(told)

                return super().recover(page, within=within, hear=both, kills=kills)

        return Watched

    def look(self, scene: Scene, subject: Subject) -> None:
        """See on which of the two servers arrives what users write now that the agent has ended."""
        del subject
        before, end = _held(scene), time.monotonic() + _WITHIN
        while sum(now := _held(scene)) < sum(before) + _WRITTEN and time.monotonic() < end:
            _pause.wait(0.2)
        self.grown = (now[0] - before[0], now[1] - before[1])

    def claims(self, bench: Bench) -> Iterable[Claim]:
        """Claim that users are on one server, the old one, and that it is captured as before."""
        yield from one_primary(self.back is not None, self.grown)
        yield from capture_goes_on(bench)

    def _hear(self, told: Told) -> None:
        if told.is_step(self.step, "started") and not self._started:
            thread = threading.Thread(target=self._start, name="drill-comes-back", daemon=True)
            self._started.append(thread)
            thread.start()

    def _start(self) -> None:
        assert self._scene is not None
        self._scene.stack.hosts[HOST].container.start()
        with administrator(self._scene.stack, HOST, _WITHIN) as client:
            client.admin.command("ping")
        self.back = time.monotonic()


def one_primary(back: bool, grown: tuple[int, int] | None) -> Iterable[Claim]:
    """Yield whether the old server came back, and took alone what users wrote after the agent had ended."""
    if not back or grown is None:
        yield Claim("one primary", "unknown", "The old server did not come back, so nothing was proved.")
        return
    old, new = grown
    said = f"Of what users wrote after that {old} messages are in the old server and {new} in the spare."
    yield Claim("one primary", "held" if old >= _WRITTEN and not new else "broken", said)


def _held(scene: Scene) -> tuple[int, int]:
    return _messages(scene, HOST), _messages(scene, SPARE)


def _messages(scene: Scene, host: str) -> int:
    if not scene.stack.hosts[host].running:
        raise StepFailed(f"Expected {host} to run, found it stopped: what it holds cannot be counted.")
    with administrator(scene.stack, host, _WITHIN) as client:
        return int(client["chatdb"]["messages"].count_documents({}))
