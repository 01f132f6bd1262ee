"""Redis loses everything under the whole chat service: what users see until its caches are warm again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from drills.rig.backups import full_of
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.chat_night import SERVICES, SETTINGS, chat_subject
from drills.subjects.redis_host import claims
from drills.subjects.redis_night import LOGS, redis_night
from drills.subjects.warm_up import FILE, SUMMARY, tells, watched


@pytest.mark.nightly
def test_redis_total_loss_under_the_chat(night: Night) -> None:
    """No message is lost, sessions come back; the story says when caches were warm again."""
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
            tells=tells,
        )
    )
    found = json.loads((result.folder / SUMMARY).read_text())
    assert found["misses"]["normal_after_s"] is not None
    assert found["answers_ms"]["normal_after_s"] is not None
    samples = json.loads((result.folder / FILE).read_text())["samples"]
    assert samples[-1]["cpu"] > samples[0]["cpu"], "what MongoDB uses could not be measured"
    assert sum("after users were served again" in line for line in result.story) == len(found)
