"""Redis's memory is full under load and writes are refused; they are taken again, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from drills.rig.fault import Scene, fault
from drills.rig.plugin import Night
from drills.rig.subject import Subject
from drills.subjects.redis import RedisSubject
from drills.subjects.redis_night import redis_night

PAGE = "redis_memory"


def _restart(scene: Scene, subject: Subject) -> None:
    """Restart Redis behind everybody's back: the limit that the page set has to be there afterwards."""
    assert isinstance(subject, RedisSubject)
    before = subject.connect().config_get("maxmemory")
    scene.host.exec("systemctl", "restart", scene.unit)
    scene.host.ready()
    assert subject.connect(30).config_get("maxmemory") == before


@pytest.mark.parametrize(
    ("variant", "settings", "more"),
    [
        ("temp_keys", {}, {}),
        pytest.param("limit_too_small", {"temp": 0}, {}, marks=pytest.mark.nightly),
        ("outlives_restart", {"temp": 20_000, "room": 2 << 20}, {"meddle": _restart}),
    ],
    ids=["temp_keys", "limit_too_small", "outlives_restart"],
)
def test_redis_memory(
    night: Night, variant: str, settings: dict[str, Any], more: dict[str, Any], capsys: Any
) -> None:
    """Whatever fills it: writes are taken again in time, no acknowledged write is lost, no temp key stays."""
    result = night.prove(
        redis_night(
            drill=PAGE, page=PAGE, variant=variant, harm=fault("memory_full", **settings), rpo=0, **more
        )
    )
    waits = _waits(result)
    with capsys.disabled():
        print(f"a look from outside took (ms): {waits}")  # noqa: T201 - what this drill is to show


def _waits(result: Any) -> dict[str, float]:
    """Return how long looks from outside took, before the strike and while keys were deleted (p50, p99)."""
    looks = [json.loads(line) for line in (result.folder / "probe.jsonl").read_text().splitlines()]
    steps = [told for told in result.recovery.told if told.is_step("sweep")]
    began, ended = steps[0].at, steps[-1].at
    kinds = {
        "before": [each for each in looks if each["ended"] < began and not each["error"]],
        "sweep": [each for each in looks if began < each["began"] < ended],
    }
    found = {}
    for name, each in kinds.items():
        took = sorted(look["ended"] - look["began"] for look in each) or [0.0]
        found[f"{name} p50"] = round(took[len(took) // 2] * 1000, 1)
        found[f"{name} p99"] = round(took[min(len(took) - 1, len(took) * 99 // 100)] * 1000, 1)
    return found
