"""A night without an engine: a local redis-server is the stack, a function the agent; the rig is real."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drills.rig.course import Course, Settings
from drills.rig.fault import Harm, Scene, Wound
from drills.rig.recovery import Kill, Recovery, Said, Told
from drills.rig.verdict import Claim
from drills.subjects.redis import RedisSubject
from tests.faults.local_host import LocalHost
from tests.subjects.local_redis import PASSWORD, Server

# How fast a server is on a machine that runs tests proves nothing, so here every pace is close enough.
SETTINGS = Settings(
    rate=200, preload=400, before=0.3, after=0.15, every=0.03, patience=0.4, settle=1.5, slower=1e9
)


class Engine:
    """What the evidence asks of an engine."""

    def versions(self) -> dict[str, str]:
        """None."""
        return {"engine": "none"}

    def stacks_running(self) -> int:
        """This one."""
        return 1


class LocalStack:
    """A stack of one local redis-server."""

    server: Server
    simulated: tuple[str, ...] = ()

    def __init__(self, folder: Path, run_folder: Path, **_options: Any) -> None:
        self.inventory = run_folder / "inventory/hosts.yml"
        self.seconds = 0.1
        self.engine = Engine()
        self.host = LocalHost(self.server, run_folder / "bin")
        self.hosts = {"redis1": self.host}

    def __enter__(self) -> LocalStack:
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.kill()


@dataclass
class LocalAgent:
    """Recovers by starting the server again, or however `mend` does it; its backups always succeed."""

    mend: Callable[[], str]
    backup_code: int = 0
    calls: list[str] = field(default_factory=list)

    def do(self, *words: str) -> Said:
        """Take and verify a backup."""
        self.calls.append(" ".join(words))
        return Said(self.backup_code, "", "no room left")

    def recover(
        self, page: str, *, within: float, hear: Callable[[Told], None], kills: Sequence[Kill]
    ) -> Recovery:
        """One changing step."""
        self.calls.append(f"run {page}")
        recovery = Recovery(time.monotonic())
        recovery.told.append(Told(time.monotonic(), {"event": "step", "step": "start", "state": "started"}))
        recovery.ended = self.mend()
        end = {"event": "step", "step": "start", "state": "done", "changed": True}
        recovery.told.append(Told(time.monotonic(), end))
        for told in recovery.told:
            hear(told)
        return recovery


@dataclass
class Stop(Harm):
    """Kills the local server; where `dead` is False it does nothing."""

    server: Server
    dead: bool = True
    healed: int = 0

    def strike(self, scene: Scene) -> Wound:
        """Kill it."""
        if self.dead:
            self.server.kill()
        return Wound("the server was killed")

    def heal(self, scene: Scene, wound: Wound) -> None:
        """Count."""
        self.healed += 1


def no_claims(_host: Any) -> Iterator[Claim]:
    """Look at nothing."""
    return iter(())


def course(server: Server, harm: Harm, **more: Any) -> Course:
    """Return a quick night on that server."""
    whole: dict[str, Any] = {
        "drill": "standin",
        "page": "restart",
        "service": "redis",
        "subject": lambda _stack, settings: RedisSubject(
            "127.0.0.1", server.port, PASSWORD, preload_count=settings.preload
        ),
        "claims": no_claims,
        "settings": SETTINGS,
        "data_dir": str(server.folder),
        "rto": 60.0,
        "rpo": 5.0,
        **more,
    }
    return Course(harm=harm, **whole)


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Server]:
    """Yield a local server that is gone afterwards."""
    folder.mkdir()
    server = Server(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()
