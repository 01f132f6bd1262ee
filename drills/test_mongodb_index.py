"""Indexes of MongoDB are dropped, built wrongly or damaged under load; the page mends them beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.mongodb_night import mongodb_night


@dataclass(frozen=True)
class Damage:
    """One way an index goes wrong."""

    id: str
    fault: str
    settings: dict[str, Any] = field(default_factory=dict)


DAMAGE = (
    Damage("dropped", "drop_index"),
    Damage("wrong", "index_wrong"),
    Damage("damaged", "index_damaged"),
)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(each, id=each.id, marks=[] if each.id == "damaged" else [pytest.mark.nightly])
        for each in DAMAGE
    ],
)
def test_mongodb_index(night: Night, damage: Damage) -> None:
    """Whatever happened to the index: it is right again, and no write is lost."""
    harm = fault(damage.fault, **damage.settings)
    night.prove(mongodb_night(harm=harm, page="mongodb_index", rpo=0, variant=damage.id))
