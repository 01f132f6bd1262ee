"""A wrong query deletes and alters documents under load; it is undone, and later writes are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from drills.rig.course import Settings
from drills.rig.drill import Result
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.mongodb_night import SETTINGS, mongodb_night, spare_is_captured


@dataclass(frozen=True)
class Damage:
    """One wrong query, and how many seconds of writes may be lost to it."""

    id: str
    rpo: float
    settings: dict[str, Any] = field(default_factory=dict)
    pace: Settings = SETTINGS


DAMAGE = (
    # Topics set after the damage build on a document that it touched: listed, and not replayed. Users set
    # all of them anew after the recovery, on a busy machine too; that so many rooms are hit makes the spoilt
    # topics a burst.
    Damage("both_and_conflicts", 300, {"topics": True}, replace(SETTINGS, preload=10_000, after=90.0)),
    Damage("deleted", 0, {"deleted": 12, "altered": 0}),
    Damage("altered", 0, {"deleted": 0, "altered": 12}),
)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(each, id=each.id, marks=[] if each.id == "deleted" else [pytest.mark.nightly])
        for each in DAMAGE
    ],
)
def test_mongodb_pitr(night: Night, damage: Damage) -> None:
    """Whatever the query did: it is undone, and what users wrote since is still there."""
    harm = fault("wrong_query", **damage.settings)
    course = mongodb_night(
        harm=harm,
        page="mongodb_pitr",
        variant=damage.id,
        rpo=damage.rpo,
        services=("redis1", "mongo1", "mongo-dr", "api1"),
        resumed=spare_is_captured,
        settings=damage.pace,
    )
    result = night.prove(course)
    assert (_conflicts(result) > 0) == bool(damage.settings.get("topics"))


def _conflicts(result: Result) -> int:
    """Return how many writes the run has listed and not brought over."""
    assert result.recovery is not None
    journal = (Path(result.recovery.folder) / "journal.jsonl").read_text().splitlines()
    replays = [
        line["result"]
        for line in map(json.loads, journal)
        if line.get("step") == "replay" and "result" in line
    ]
    return sum(int(replay["conflict_count"]) for replay in replays)
