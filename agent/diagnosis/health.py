"""The health of one service, decided from what was seen; pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.backup.model import Backup
from agent.diagnosis.disk import NEARLY_FULL, Disk
from agent.supervisors import Status
from agent.systems import DEGRADED, DOWN, Symptom, Vitals

SOUND, UNSEEN = 0, 3
WORDS = ("sound", "degraded", "down or damaged", "could not look")
_CLOCK = 30  # seconds that two clocks may differ

NOT_ENABLED = Symptom(
    "service.not-enabled",
    DEGRADED,
    "The service will not start with its host",
    "호스트가 켜져도 서비스가 시작되지 않음",
)
NO_BACKUP = Symptom("backup.missing", DEGRADED, "There is no verified backup", "검증된 백업이 없음")
NOT_HELD = Symptom(
    "backup.not-held",
    DOWN,
    "The data does not go on from the newest backup: it was lost or set back",
    "데이터가 최신 백업에서 이어지지 않음: 사라졌거나 과거로 돌아감",
)
CLOCK_OFF = Symptom(
    "service.clock-off",
    DEGRADED,
    "The service lives in another time: what expires, and every time it notes, is wrong",
    "서비스의 시계가 틀림: 만료와 기록된 시각이 모두 어긋남",
)
DISK = Symptom(
    "service.disk-nearly-full",
    DEGRADED,
    "The disk of its data is nearly full",
    "데이터 디스크가 거의 가득 참",
)
OLD_BACKUP = Symptom("backup.old", DEGRADED, "The newest verified backup is old", "검증된 최신 백업이 오래됨")


@dataclass(frozen=True)
class Health:
    """One service: its level (0 sound .. 3 could not look), its symptoms, and its newest backup.

    `unseen` are the reasons why something could not be looked at; `backup` is "3 h old, restored".
    `disk` is the file system of its data, None where it is not on this host.
    """

    host: str
    system: str
    level: int
    symptoms: tuple[Symptom, ...] = ()
    unseen: tuple[str, ...] = ()
    supervisor: str = "?"
    answers: str = "?"
    data: str = "?"
    backup: str = "?"
    disk: Disk | None = None

    @property
    def word(self) -> str:
        """The level as a word."""
        return WORDS[self.level]


@dataclass
class Seen:
    """What was seen of one service; None where it could not be looked at, `errors` saying why.

    `set_back` says why the data does not go on from its backups; empty where it does. `clock_off` are the
    seconds that the service's clock is ahead of ours, `oldest` how old a backup of its may be by its policy.
    """

    status: Status | None = None
    vitals: Vitals | None = None
    backup: Backup | None = None
    set_back: str = ""
    clock_off: float = 0.0
    oldest: float = 26 * 3600
    disk: Disk | None = None
    errors: list[str] = field(default_factory=list)


def judge(host: str, system: str, seen: Seen, now: datetime) -> Health:
    """Name the health of a service; what could not be looked at is never called sound."""
    symptoms = list(seen.vitals.symptoms) if seen.vitals else []
    if seen.status and seen.status.enabled is False:
        symptoms.append(NOT_ENABLED)
    # Where the files themselves tell what is wrong, that is the cause and this one of its consequences.
    if seen.set_back and seen.vitals and seen.vitals.data == "sound":
        symptoms.append(replace(NOT_HELD, evidence=seen.set_back))
    if abs(seen.clock_off) > _CLOCK:
        told = f"{_age(abs(seen.clock_off))} {'ahead of' if seen.clock_off > 0 else 'behind'} this machine"
        symptoms.append(replace(CLOCK_OFF, evidence=told))
    # A service that says itself that its disk is full has said it.
    if (
        seen.disk
        and seen.disk.percent >= NEARLY_FULL
        and not any("disk-full" in each.id for each in symptoms)
    ):
        symptoms.append(replace(DISK, evidence=str(seen.disk)))
    said, complaint = _backup(seen, now)
    if complaint:
        symptoms.append(complaint)
    level = max((symptom.level for symptom in symptoms), default=SOUND)
    if seen.vitals and not (seen.vitals.up and seen.vitals.reads and seen.vitals.writes):
        level = max(level, DEGRADED)
    # What was seen to be down is down, whatever else could not be looked at.
    if seen.errors and level < DOWN:
        level = UNSEEN
    return Health(
        host,
        system,
        level,
        tuple(symptoms),
        tuple(seen.errors),
        supervisor=seen.status.state if seen.status else "?",
        answers=_answers(seen.vitals),
        data=seen.vitals.data if seen.vitals else "?",
        backup=said,
        disk=seen.disk,
    )


def clock_off(told: float, began: float, ended: float) -> float:
    """Return the seconds by which a clock that was read between two moments of ours is ahead; 0 = between."""
    # It may have told whole seconds only.
    return min(0.0, told + 1 - began) or max(0.0, told - ended)


def _answers(vitals: Vitals | None) -> str:
    if vitals is None:
        return "?"
    if not vitals.up:
        return "no"
    return {(True, True): "reads, writes", (True, False): "reads only", (False, True): "writes only"}.get(
        (vitals.reads, vitals.writes), "refuses"
    )


def _backup(seen: Seen, now: datetime) -> tuple[str, Symptom | None]:
    if seen.vitals and seen.vitals.backup is not None:
        return seen.vitals.backup or "none needed", None
    backup = seen.backup
    if backup is None:
        return "none verified", NO_BACKUP
    age = (now - datetime.fromisoformat(backup.taken_at)).total_seconds()
    said = f"{_age(age)} old, {backup.verified.depth if backup.verified else 'not verified'}"
    old = replace(OLD_BACKUP, evidence=f"{said}; by its policy {_age(seen.oldest)} at most")
    return said, old if age > seen.oldest else None


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
