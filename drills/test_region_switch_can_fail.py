"""Proof that the drill of a lost region can fail: each night has one thing wrong with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import of_text, with_texts, without_step
from drills.rig.course import Settings
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.region_night import PAGE, region_night
from drills.test_mongodb_can_fail import SNAPSHOT

# What the page forgets, by action or id, and what other steps have in its place.
FORGOTTEN = {
    "mongodb": {', at_least: "{{ restored.documents - restored.passing }}"': "", "within: 120": "within: 40"},
    "fetch": {'with: {backup: "{{ fetched.id }}"}': "with: {}"},
}
QUICK = Settings(rate=50, preload=2000, limit=200, settle=5)
pytestmark = pytest.mark.nightly

EMPTY_REDIS = """\
title: MongoDB is restored, and Redis is but a cache
system: app
on: redis_dr:mongodb:api
steps:
  - {name: PING until PONG, do: redis.ping}
  - {id: mongodb, include: mongodb_cluster_loss, with: {move: false}}
  - name: Give the application both addresses and restart it
    do: service.set_env
    with: {values: {REDIS_URL: "{{ vars.standby_redis_url }}", MONGO_URI: "{{ vars.standby_mongo_uri }}"}}
  - {name: Health check until it answers 200, do: app.health}
prove:
  - {name: "What users do can be done", do: app.prove}
"""


def _wrong(night: Night, variant: str, **more: Any) -> tuple[str, str]:
    whole: dict[str, Any] = {"harm": fault("region_lost"), "settings": QUICK, "variant": variant, **more}
    result = night.live(region_night(**whole))
    # A page that is refused fails its night too, and proves nothing.
    assert result.recovery is None or result.recovery.ended != "refused", str(result)
    return result.verdict.word, str(result)


def test_region_switch_with_a_fault_that_does_nothing(night: Night) -> None:
    """A fault without effect proves nothing: unverified, and the agent is not even called."""
    word, said = _wrong(night, "noop", harm=fault("noop"))
    assert word == "unverified"
    assert "no effect" in said


def test_region_switch_without_telling_the_application(night: Night, tmp_path: Path) -> None:
    """All data is there and nobody is sent to it: fail."""
    word, said = _wrong(night, "without_set_env", pages=(without_step(PAGE, "service.set_env", tmp_path),))
    assert word == "fail", said


def test_region_switch_with_an_empty_redis(night: Night, tmp_path: Path) -> None:
    """The agent is content, and so is every user who logs in anew; whoever was logged in is out: fail."""
    word, said = _wrong(night, "empty_redis", pages=(of_text(PAGE, EMPTY_REDIS, tmp_path),))
    assert word == "fail"
    assert "sessions from before the backup" in said


@pytest.mark.parametrize("gone", sorted(FORGOTTEN))
def test_region_switch_without_a_restore(night: Night, tmp_path: Path, gone: str) -> None:
    """Half of the data is not brought there, and the page does not end as if it were: fail."""
    pages = (without_step(PAGE, gone, tmp_path, FORGOTTEN[gone]),)
    word, said = _wrong(night, f"without_{gone}", pages=pages)
    assert word == "fail", said
    assert "The agent's run ended as failed" in said


def test_region_switch_to_a_moment_too_early(night: Night, tmp_path: Path) -> None:
    """MongoDB's snapshot alone: everybody is served, and what they wrote since is gone: fail."""
    pages = (with_texts("mongodb_cluster_loss", SNAPSHOT, tmp_path),)
    slow = replace(QUICK, before=10.0)
    word, said = _wrong(night, "wrong_moment", pages=pages, settings=slow)
    assert word == "fail"
    assert "The losses go back" in said
