"""The health of one service, decided from what was seen; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from agent.backup.model import Backup
from agent.supervisors import Status

SOUND, DEGRADED, DOWN, UNSEEN = 0, 1, 2, 3
WORDS = ("sound", "degraded", "down or damaged", "could not look")
_OLD = 26 * 3600


class Answers(Protocol):
    """What a system says of itself (`redis.status`)."""

    @property
    def up(self) -> bool:
        """Whether it answers at all."""

    @property
    def reads(self) -> bool:
        """Whether it reads."""

    @property
    def writes(self) -> bool:
        """Whether it accepts a write."""

    @property
    def symptoms(self) -> tuple[str, ...]:
        """What is not well, in sentences."""


class Inspected(Protocol):
    """What a system's inspection of its data found (`redis.inspect`)."""

    @property
    def remedy(self) -> str:
        """none, or the name of what would mend it."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why."""


@dataclass(frozen=True)
class Health:
    """One service: its level (0 sound .. 3 could not look), symptoms in words, and its newest backup.

    `backup` is "3 h old, restored", or why there is none.
    """

    host: str
    system: str
    level: int
    symptoms: tuple[str, ...] = ()
    supervisor: str = ""
    answers: str = ""
    data: str = ""
    backup: str = ""

    @property
    def word(self) -> str:
        """The level as a word."""
        return WORDS[self.level]


@dataclass
class Seen:
    """What was seen of one service; None where it could not be looked at."""

    status: Status | None = None
    answers: Answers | None = None
    data: Inspected | None = None
    backup: Backup | None = None
    errors: list[str] = field(default_factory=list)


def judge(host: str, system: str, seen: Seen, now: datetime) -> Health:
    """Name the health of a service; what could not be looked at is never called sound."""
    symptoms: list[str] = list(seen.errors)
    level = UNSEEN if seen.errors else SOUND
    if seen.answers and seen.data:
        level, found = _service(seen)
        symptoms = [*found, *symptoms]
        if seen.errors and level == SOUND:
            level = UNSEEN
    backup, complaint = _backup(seen.backup, now)
    if complaint:
        symptoms.append(complaint)
        level = max(level, DEGRADED)
    return Health(
        host,
        system,
        level,
        tuple(dict.fromkeys(symptoms)),
        supervisor=seen.status.state if seen.status else "unknown",
        answers=_answers(seen.answers),
        data="sound" if seen.data and seen.data.remedy == "none" else seen.data.remedy if seen.data else "?",
        backup=backup,
    )


def _service(seen: Seen) -> tuple[int, list[str]]:
    answers, data = seen.answers, seen.data
    if answers is None or data is None:
        raise ValueError("a service is judged by its answers and its data")
    symptoms = list(answers.symptoms)
    level = DEGRADED if symptoms else SOUND
    if data.remedy != "none":
        symptoms += data.reasons
        level = DEGRADED if data.remedy == "rescue" else DOWN
    if seen.status and not seen.status.enabled:
        symptoms.append("it is not enabled, so it will not start with its host")
        level = max(level, DEGRADED)
    if not (answers.up and answers.reads and answers.writes):
        level = DOWN
    return level, symptoms


def _answers(answers: Answers | None) -> str:
    if answers is None:
        return "?"
    if not answers.up:
        return "no"
    return {(True, True): "reads, writes", (True, False): "reads only", (False, True): "writes only"}.get(
        (answers.reads, answers.writes), "refuses"
    )


def _backup(backup: Backup | None, now: datetime) -> tuple[str, str]:
    if backup is None:
        return "none verified", "there is no verified backup"
    age = (now - datetime.fromisoformat(backup.taken_at)).total_seconds()
    said = f"{_age(age)} old, {backup.verified.depth if backup.verified else 'not verified'}"
    return said, f"the newest verified backup is {_age(age)} old" if age > _OLD else ""


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"
