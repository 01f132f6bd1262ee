"""Proof that MongoDB's drills can fail: each night has one thing wrong with it, and is judged accordingly."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from drills.rig.altered import with_text, with_texts, without_step
from drills.rig.course import Settings
from drills.rig.drill import Result
from drills.rig.fault import Harm, fault
from drills.rig.plugin import Night
from drills.subjects.mongodb_night import mongodb_night, spare_is_captured

QUICK = Settings(rate=50, preload=2000, limit=300)
ALL = ("redis1", "mongo1", "mongo-dr", "api1")
HARM = {
    "mongodb_pitr": fault("wrong_query"),
    "mongodb_cluster_loss": fault("instance_lost"),
    "mongodb_index": fault("drop_index"),
    "mongodb_down": fault("container_killed", service="mongo1"),
}
INTO_THE_SPARE = ("mongodb_pitr", "mongodb_cluster_loss")


@dataclass(frozen=True)
class Gone:
    """A step that a page forgets, and the step that fails for want of it; "" = none, and the ledger tells.

    `instead` is what other steps make of what it registers, and what they have in its place.
    """

    page: str
    do: str
    fails: str
    instead: dict[str, str] = field(default_factory=dict)


# Nobody has to wait two minutes for what does not come.
_SOON = {"within: 120": "within: 40"}
_UNCOUNTED = {', at_least: "{{ restored.documents - restored.passing }}"': ""}
_UNCOUNTED_TOO = {', at_least: "{{ restored.documents - restored.passing - replayed.removed }}"': ""}
GONE = (
    Gone("mongodb_pitr", "mongodb.restore", "proof", _UNCOUNTED_TOO),
    Gone("mongodb_pitr", "mongodb.replay", "", _UNCOUNTED_TOO),
    Gone("mongodb_pitr", "mongodb.admit_application", "health", _SOON),
    Gone(
        *("mongodb_cluster_loss", "mongodb.restore", "proof"),
        _UNCOUNTED | {"restored.at": "captured.captured_up_to"},
    ),
    Gone("mongodb_cluster_loss", "service.set_env", "health", _SOON),
    Gone("mongodb_index", "mongodb.rebuild_indexes", "indexes"),
    Gone("mongodb_down", "service.start", "answers", {"times: 60": "times: 5"}),
)
# The snapshot alone, as the playbook has it, and nothing of what was captured since.
SNAPSHOT = {
    "do: mongodb.capture_status\n": "do: mongodb.restore_points\n",
    'with: {at: "{{ params.at }}"}': 'with: {at: "{{ captured.stretches[-1].since }}"}',
    'with: {after: "{{ restored.at }}"}': 'with: {after: "{{ captured.stretches[-1].until }}"}',
}


def _wrong(night: Night, page: str, variant: str, harm: Harm | None = None, **more: Any) -> Result:
    """Live through a night with something wrong, and return what it came to."""
    whole: dict[str, Any] = {"settings": QUICK, "rpo": 0, "variant": variant, **more}
    if page in INTO_THE_SPARE:
        whole |= {"services": ALL, "resumed": spare_is_captured}
    return night.live(mongodb_night(harm=harm or HARM[page], page=page, **whole))


@pytest.mark.nightly
@pytest.mark.parametrize("page", sorted(HARM))
def test_mongodb_with_a_fault_that_does_nothing(night: Night, page: str) -> None:
    """A fault without effect proves nothing: unverified, and the agent is not even called."""
    result = _wrong(night, page, "noop", fault("noop"))
    assert result.verdict.word == "unverified"
    assert "no effect" in str(result)
    assert result.recovery is None


@pytest.mark.nightly
@pytest.mark.parametrize("gone", GONE, ids=lambda gone: f"{gone.page}-{gone.do}")
def test_mongodb_without_a_step(night: Night, tmp_path: Path, gone: Gone) -> None:
    """A page that forgets one of its steps does not recover, or loses what users wrote: fail."""
    where = without_step(gone.page, gone.do, tmp_path, gone.instead)
    result = _wrong(night, gone.page, f"without_{gone.do.partition('.')[2]}", pages=(where,))
    assert result.verdict.word == "fail", str(result)
    assert result.recovery is not None
    assert result.recovery.ended == ("failed" if gone.fails else "done"), str(result)
    assert result.recovery.failed == gone.fails, str(result)
    if not gone.fails:
        assert result.findings.account is not None
        assert result.findings.account.lost, str(result)


@pytest.mark.nightly
def test_mongodb_at_a_wrong_moment(night: Night, tmp_path: Path) -> None:
    """The newest moment and not the one before the damage: proved, switched to, still damaged: fail."""
    page = "mongodb_pitr"
    where = with_text(page, 'before: "{{ before }}"}', 'before: "{{ caught.captured_up_to }}"}', tmp_path)
    result = _wrong(night, page, "wrong_moment", pages=(where,))
    assert result.verdict.word == "fail", str(result)
    assert result.recovery is not None
    assert result.recovery.ended == "done", str(result)
    assert result.findings.account is not None
    assert len(result.findings.account.lost) == 800, str(result)
    assert len(result.findings.account.changed) == 400, str(result)


@pytest.mark.nightly
def test_mongodb_at_a_moment_too_early(night: Night, tmp_path: Path) -> None:
    """The snapshot alone: proved, switched to, and what users wrote since it is gone beyond the RPO: fail."""
    page = "mongodb_cluster_loss"
    where = with_texts(page, SNAPSHOT, tmp_path)
    slow = replace(QUICK, before=10.0)
    result = _wrong(night, page, "wrong_moment", pages=(where,), settings=slow, rpo=5.0)
    assert result.verdict.word == "fail", str(result)
    assert result.recovery is not None
    assert result.recovery.ended == "done", str(result)
    assert result.findings.rpo.seconds is not None
    assert result.findings.rpo.seconds > 5.0, str(result)
    assert "The losses go back" in str(result)
