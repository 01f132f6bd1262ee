"""MongoDB is lost with its disks under load; base and captured changes come back in the other region."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import with_text
from drills.rig.drill import Result
from drills.rig.fault import fault
from drills.rig.plugin import Night
from drills.subjects.comes_back import ComesBack
from drills.subjects.mongodb_night import HOST, mongodb_night, spare_is_captured

PAGE = "mongodb_cluster_loss"
ALL = ("redis1", "mongo1", "mongo-dr", "api1")
# What the page does in that step, but for the look at the old server.
UNSEEN = ("do: mongodb.bring_later", "do: mongodb.replay")


def test_mongodb_cluster_loss(night: Night) -> None:
    """Users are served by the spare, and miss what the capture had not heard of yet at most."""
    course = mongodb_night(
        harm=fault("instance_lost"),
        page=PAGE,
        rpo=5.0,
        services=ALL,
        resumed=spare_is_captured,
    )
    night.prove(course)


@pytest.mark.nightly
def test_the_old_server_comes_back_meanwhile(night: Night) -> None:
    """The agent stops before the switch; users stay on the old server alone, and nothing is lost."""
    result = night.prove(_comes_back("comes_back"))
    assert result.recovery is not None
    assert "answering again" in result.recovery.said


@pytest.mark.nightly
def test_the_old_server_comes_back_unseen(night: Night, tmp_path: Path) -> None:
    """A page that does not look again goes on, and what the old server took meanwhile is lost: fail."""
    pages = (with_text(PAGE, *UNSEEN, tmp_path),)
    result: Result = night.live(_comes_back("comes_back_unseen", pages=pages))
    assert result.verdict.word == "fail", str(result)
    assert result.recovery is not None
    assert result.recovery.ended == "done", str(result)
    assert "was to stop in later" in str(result)


def _comes_back(variant: str, **more: Any) -> Any:
    back = ComesBack(fault("container_killed", service=HOST))
    whole = {"agent": back.agent(), "meddle": back.look, "resumed": back.claims, **more}
    return mongodb_night(harm=back, page=PAGE, variant=variant, rpo=0, services=ALL, stops="later", **whole)
