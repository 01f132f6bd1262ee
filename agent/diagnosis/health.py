"""The health of one service, decided from what was seen; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from agent.backup.model import Backup
from agent.supervisors import Status
from agent.systems import DEGRADED, DOWN, Symptom, Vitals

SOUND, UNSEEN = 0, 3
WORDS = ("sound", "degraded", "down or damaged", "could not look")
_OLD = 26 * 3600

NOT_ENABLED = Symptom(
    "service.not-enabled",
    DEGRADED,
    "The service will not start with its host",
    "호스트가 켜져도 서비스가 시작되지 않음",
)
NO_BACKUP = Symptom("backup.missing", DEGRADED, "There is no verified backup", "검증된 백업이 없음")
OLD_BACKUP = Symptom("backup.old", DEGRADED, "The newest verified backup is old", "검증된 최신 백업이 오래됨")


@dataclass(frozen=True)
class Health:
    """One service: its level (0 sound .. 3 could not look), its symptoms, and its newest backup.

    `unseen` are the reasons why something could not be looked at; `backup` is "3 h old, restored".
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

    @property
    def word(self) -> str:
        """The level as a word."""
        return WORDS[self.level]


@dataclass
class Seen:
    """What was seen of one service; None where it could not be looked at, `errors` saying why."""

    status: Status | None = None
    vitals: Vitals | None = None
    backup: Backup | None = None
    errors: list[str] = field(default_factory=list)


def judge(host: str, system: str, seen: Seen, now: datetime) -> Health:
    """Name the health of a service; what could not be looked at is never called sound."""
    symptoms = list(seen.vitals.symptoms) if seen.vitals else []
    if seen.status and not seen.status.enabled:
        symptoms.append(NOT_ENABLED)
    said, complaint = _backup(seen.backup, now)
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
    )


def _answers(vitals: Vitals | None) -> str:
    if vitals is None:
        return "?"
    if not vitals.up:
        return "no"
    return {(True, True): "reads, writes", (True, False): "reads only", (False, True): "writes only"}.get(
        (vitals.reads, vitals.writes), "refuses"
    )


def _backup(backup: Backup | None, now: datetime) -> tuple[str, Symptom | None]:
    if backup is None:
        return "none verified", NO_BACKUP
    age = (now - datetime.fromisoformat(backup.taken_at)).total_seconds()
    said = f"{_age(age)} old, {backup.verified.depth if backup.verified else 'not verified'}"
    return said, OLD_BACKUP if age > _OLD else None


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
