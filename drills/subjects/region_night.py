"""Nights in which a whole region is lost: what of it is kept elsewhere, and what users notice of that."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from agent.errors import StepFailed
from drills.rig import rehearsal
from drills.rig.backups import Bench
from drills.rig.course import Course, Settings
from drills.rig.eye import look_at
from drills.rig.fault import Harm, Scene, Wound
from drills.rig.stack import Stack
from drills.rig.subject import Subject
from drills.rig.verdict import Claim
from drills.subjects import redis_host
from drills.subjects.chat import BULK_TIMEOUT, TIMEOUT, ChatSubject
from drills.subjects.chat_night import LOGS, chat_subject
from drills.subjects.mongodb_night import SETTINGS, captured, mongodb_night, spare_is_captured

PAGE = "region_switch"
REDIS, REDIS_DR = "redis1", "redis-dr"
OFFSITE = "/offsite"
REDIS_RPO = 300.0
"""Seconds: the playbook's RPO. A schedule has to take and ship Redis's backups that often to keep to it."""
_FIRST = 5  # logins before the backup is begun
_EVERY = 0.4  # seconds between two after that


def region_night(*, harm: Harm, rto: float = 1800.0, rpo: float = 5.0, **more: Any) -> Course:
    """Return a night of `region_switch` with that fault; `more` as in Course.

    `rpo` is of what users write, which is in MongoDB. What Redis keeps, their sessions, is judged by itself.
    """
    sessions = Sessions()
    whole: dict[str, Any] = {
        "drill": PAGE,
        "service": "app",
        "subject": sessions.subject,
        "services": (REDIS, REDIS_DR, "mongo1", "mongo-dr", "api1"),
        "settings": SETTINGS,
        "backups": sessions.backed_up,
        "resumed": sessions.resumed,
        "logs": {**LOGS, REDIS_DR: LOGS[REDIS]},
        **more,
    }
    return mongodb_night(harm=_Timed(harm, sessions), page=PAGE, rto=rto, rpo=rpo, **whole)


@dataclass(frozen=True)
class Session:
    """A login that was acknowledged: its token, and when (monotonic seconds)."""

    token: str = field(repr=False)
    acked: float


@dataclass
class Sessions:
    """Users who log in while the night goes on: what is in Redis and nowhere else.

    `backed_up_at` is when the backup was begun, `struck` when the region was lost (monotonic seconds).
    """

    opened: list[Session] = field(default_factory=list)
    backed_up_at: float = 0.0
    struck: float = 0.0
    _of: ChatSubject | None = None

    def subject(self, stack: Stack, settings: Settings) -> Subject:
        """Return the chat service as its users see it; they log in there."""
        made = chat_subject(stack, settings)
        assert isinstance(made, ChatSubject)
        self._of = made
        return made

    @contextlib.contextmanager
    def backed_up(self, bench: Bench) -> Iterator[str]:
        """Capture MongoDB, and have a verified backup of Redis where the region's loss does not reach."""
        _ships(bench.scene.stack)
        with captured(bench) as said, self._logging_in():
            _do(bench, "take", REDIS, "backup-take.txt")
            _do(bench, "ship", REDIS, "backup-ship.txt")
            yield f"{said}; a backup of Redis is taken, verified and shipped off its host"

    def resumed(self, bench: Bench) -> Iterable[Claim]:
        """Claim that both go on at their new places, and that no more sessions are gone than may be."""
        yield from spare_is_captured(bench)
        _do(bench, "take", REDIS_DR, "backup-again.txt")
        yield Claim("backups go on", "held", "A backup of the DR Redis is taken and verified.")
        for claim in redis_host.claims(look_at(bench.scene.stack.hosts[REDIS_DR])):
            yield replace(claim, name=f"{REDIS_DR}: {claim.name}")
        yield from judged(self, self._lost())

    @contextlib.contextmanager
    def _logging_in(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._log_in_until, args=(over,), daemon=True)
        for _ in range(_FIRST):
            self._log_in(BULK_TIMEOUT)
        thread.start()
        self.backed_up_at = time.monotonic()
        try:
            yield
        finally:
            over.set()
            thread.join(timeout=60)

    def _log_in_until(self, over: threading.Event) -> None:
        while not over.wait(_EVERY) and not self.struck:
            with contextlib.suppress(httpx.HTTPError, OSError):
                self._log_in()

    def _log_in(self, timeout: float = TIMEOUT) -> None:
        assert self._of is not None
        with self._of.client(timeout) as client:
            wanted = {"email": "writer@drill.example", "password": self._of.password}
            answer = client.post("/sessions", json=wanted)
        if answer.status_code == 201:
            self.opened.append(Session(answer.json()["token"], time.monotonic()))

    def _lost(self) -> list[Session]:
        assert self._of is not None
        try:
            with self._of.client(BULK_TIMEOUT) as client:
                return [each for each in self.opened if not _known(client, each)]
        except (httpx.HTTPError, OSError) as error:
            raise StepFailed(f"Whether users are still logged in could not be asked: {error}") from None


def judged(sessions: Sessions, lost: list[Session]) -> Iterator[Claim]:
    """Yield what is claimed of Redis: its backup is used, and losses go back no further than they may."""
    before = [each for each in sessions.opened if each.acked < sessions.backed_up_at]
    since = [each for each in sessions.opened if each.acked >= sessions.backed_up_at]
    if not before or not since:
        yield Claim("Redis's backup is used", "unknown", "Too few sessions tell what became of Redis's data.")
        return
    early = [each for each in lost if each.acked < sessions.backed_up_at]
    yield Claim(
        "Redis's backup is used",
        "broken" if early else "held",
        f"{len(early)} of {len(before)} sessions from before the backup of Redis are lost.",
    )
    back = sessions.struck - min((each.acked for each in lost), default=sessions.struck)
    yield Claim(
        "RPO of Redis",
        "held" if back <= REDIS_RPO else "broken",
        f"Of Redis, {len(lost)} of {len(sessions.opened)} sessions are lost; they go back {back:.1f} s "
        f"before the strike, and {REDIS_RPO:.0f} s are allowed.",
    )


@dataclass(frozen=True)
class _Timed(Harm):
    """The fault `harm`; the sessions are told when it struck."""

    harm: Harm
    sessions: Sessions

    def strike(self, scene: Scene) -> Wound:
        """Strike."""
        began = time.monotonic()
        wound = self.harm.strike(scene)
        self.sessions.struck = wound.at[0] if wound.at else began
        return wound

    def seen(self, scene: Scene, wound: Wound) -> str:
        """As the fault itself shows."""
        return self.harm.seen(scene, wound)

    def heal(self, scene: Scene, wound: Wound) -> None:
        """As the fault itself is taken back."""
        self.harm.heal(scene, wound)


def _ships(stack: Stack) -> None:
    """Have the inventory say that Redis's backups go to the share: nights without it have no such place."""
    tree = rehearsal.load(stack.inventory)
    rehearsal.hosts(tree)[REDIS]["serves"]["redis"]["ship_to"] = [OFFSITE]
    stack.inventory.write_text(rehearsal.text_of(tree))


def _do(bench: Bench, verb: str, host: str, name: str) -> None:
    said = bench.agent.do("backup", verb, "redis", "--limit", host)
    bench.evidence.write(name, said.out + said.err)
    if said.rc:
        raise StepFailed(f"`backup {verb} redis --limit {host}` ended with code {said.rc}. {said.last}")


def _known(client: httpx.Client, session: Session) -> bool:
    """Whether somebody is still logged in; an answer that tells neither raises."""
    answer = client.get("/rooms", headers={"Authorization": f"Bearer {session.token}"})
    if answer.status_code not in (200, 401):
        raise StepFailed(f"Expected to be told whether a session is known, found {answer.status_code}.")
    return answer.status_code == 200


__all__ = ["PAGE", "Session", "Sessions", "judged", "region_night"]
