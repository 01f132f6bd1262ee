"""From symptoms to the pages that answer them; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.diagnosis.health import Health
from agent.runbook.model import Page
from agent.systems import Symptom


@dataclass(frozen=True)
class Advice:
    """What helps one service: the pages that cover its worst symptoms, and those that no page covers.

    `pages` holds, for each page by name, the symptoms it answers.
    """

    health: Health
    pages: dict[str, tuple[Symptom, ...]]
    uncovered: tuple[Symptom, ...]


def advise(health: Health, pages: Sequence[Page]) -> Advice:
    """Return the pages for a service's worst symptoms.

    A page counts where it is about the same system and covers one of them; of several, only those that
    cover the most stay: the one that covers more answers the cause, the other a part.
    """
    worst = [symptom for symptom in health.symptoms if symptom.level == health.level]
    found = {
        page.name: tuple(symptom for symptom in worst if symptom.id in page.covers)
        for page in pages
        if page.system == health.system
    }
    most = max((len(covered) for covered in found.values()), default=0)
    kept = {name: covered for name, covered in found.items() if covered and len(covered) == most}
    covered = {symptom.id for each in kept.values() for symptom in each}
    return Advice(health, kept, tuple(symptom for symptom in worst if symptom.id not in covered))
