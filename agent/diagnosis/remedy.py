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

    A page counts where it is about the same system and covers one of them. Where none is, one about another
    system counts that acts on this one too: a page about an application mends what it depends on. Of several,
    only those that cover the most stay: the one that covers more answers the cause, the other a part.
    """
    worst = [symptom for symptom in health.symptoms if symptom.level == health.level]
    of_it = [page for page in pages if page.system == health.system]
    with_it = [page for page in pages if page.system != health.system and health.system in page.systems]
    found = _covered(of_it, worst) or _covered(with_it, worst)
    most = max((len(covered) for covered in found.values()), default=0)
    kept = {name: covered for name, covered in found.items() if len(covered) == most}
    covered = {symptom.id for each in kept.values() for symptom in each}
    return Advice(health, kept, tuple(symptom for symptom in worst if symptom.id not in covered))


def _covered(pages: Sequence[Page], worst: Sequence[Symptom]) -> dict[str, tuple[Symptom, ...]]:
    found = {page.name: tuple(symptom for symptom in worst if symptom.id in page.covers) for page in pages}
    return {name: covered for name, covered in found.items() if covered}
