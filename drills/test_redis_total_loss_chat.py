"""Redis loses everything under the whole chat service: what users see until its caches are warm again."""

from __future__ import annotations

import json
from dataclasses import replace
from statistics import median
from typing import Any

import pytest

from drills.rig.backups import full_of
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.chat_night import SERVICES, SETTINGS, chat_subject
from drills.subjects.redis_host import claims
from drills.subjects.redis_night import LOGS, redis_night
from drills.subjects.warm_up import FILE, load, normal_after, rates, watched


@pytest.mark.nightly
def test_redis_total_loss_under_the_chat(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    """No message is lost, sessions come back; misses, answers and MongoDB's load are measured."""
    result = night.prove(
        redis_night(
            drill="redis_total_loss",
            page="redis_total_loss",
            variant="chat",
            harm=fault("redis_files_lost"),
            rpo=0.0,
            services=SERVICES,
            subject=chat_subject,
            settings=replace(SETTINGS, before=4.0, after=8.0, limit=300.0),
            claims=claims,
            logs={"redis1": LOGS},
            backups=watched(full_of("redis")),
        )
    )
    found = _warm_up(result)
    (result.folder / "warm_up_summary.json").write_text(json.dumps(found, indent=1))
    with capsys.disabled():
        print("until as before:", json.dumps(found))  # noqa: T201 - what this drill is to show
    assert found["misses"]["normal_after_s"] is not None
    assert found["answers_ms"]["normal_after_s"] is not None


def _warm_up(result: Any) -> dict[str, dict[str, float | None]]:
    """Return misses, answers and the database's load before and after, and when they were as before."""
    samples = json.loads((result.folder / FILE).read_text())["samples"]
    assert samples[-1]["cpu"] > samples[0]["cpu"], "what MongoDB uses could not be measured"
    looks = [json.loads(line) for line in (result.folder / "probe.jsonl").read_text().splitlines()]
    began, ended = result.findings.measured.began, result.findings.measured.ended
    last = max(each["at"] for each in samples)
    answers = [(each["began"], (each["ended"] - each["began"]) * 1000) for each in looks if not each["error"]]
    series = {
        "misses": (rates(samples, 0, began), rates(samples, ended, last), 0.05),
        "answers_ms": (
            [each for each in answers if each[0] < began],
            [each for each in answers if each[0] >= ended],
            5.0,
        ),
        "mongodb_cpu": (load(samples, 0, began), load(samples, ended, last), 0.05),
    }
    return {name: _until(*each, ended) for name, each in series.items()}


def _until(
    before: list[tuple[float, float]], after: list[tuple[float, float]], slack: float, ended: float
) -> dict[str, float | None]:
    usual = median(value for _, value in before) if before else 0.0
    at = normal_after(after, usual, slack)
    return {
        "usual": round(usual, 4),
        "first": round(after[0][1], 4) if after else None,
        "highest": round(max(value for _, value in after), 4) if after else None,
        "normal_after_s": None if at is None else round(at - ended, 2),
    }
