"""Restores: begun once whatever is lost on the way, found again, waited for by the right flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import Locked, NoBackup, NotFound, StepFailed
from agent.providers.atlas.api import Api
from agent.providers.atlas.replies import RestoreJob
from agent.providers.atlas.restores import await_restore, begin
from drills.standins.atlas import Atlas
from drills.standins.atlas.world import Refusal
from tests.providers.conftest import NOW, Clock

Made = Callable[..., Api]
Spec = Callable[..., dict[str, Any]]
CREATE = "POST .*restoreJobs$"
EXACT = {"deliveryType": "pointInTime", "oplogTs": int(NOW) - 300, "oplogInc": 7}
SECOND = {"deliveryType": "pointInTime", "pointInTimeUTCSeconds": int(NOW) - 300}


def _begin(
    api: Made, spec: Spec, wanted: dict[str, Any] = EXACT, known: tuple[str, ...] = (), since: int = 0
) -> Any:
    return begin(api(), spec(wanted=wanted, since=since, known=list(known)))


@pytest.mark.parametrize("wanted", [EXACT, SECOND], ids=["place in the log", "second"])
def test_a_moment_is_restored_into_the_spare(fake: Atlas, api: Made, spec: Spec, wanted: Any) -> None:
    """The job lies below the cluster it comes from, and names the one it goes to."""
    begun = _begin(api, spec, wanted)
    assert not begun.adopted
    (job,) = fake.world.clusters["chat"].jobs
    assert (job["targetClusterName"], job["targetGroupId"]) == ("chat-dr", fake.world.project)
    assert fake.world.clusters["chat-dr"].state == "UPDATING"
    over = await_restore(api(), spec(job=begun.job))
    assert over.state == "done"
    assert fake.times("/chat/backup/restoreJobs/") == 3
    assert fake.world.clusters["chat-dr"].state == "IDLE"


def test_a_snapshot_is_restored(fake: Atlas, api: Made, spec: Spec) -> None:
    """By its id, and not by a moment; `automated` is what Atlas calls it."""
    snapshot = fake.world.clusters["chat"].snapshots[0]["id"]
    begun = _begin(api, spec, {"deliveryType": "automated", "snapshotId": snapshot})
    assert await_restore(api(), spec(job=begun.job)).state == "done"


@pytest.mark.parametrize("how", ["fail", "drop", "drop first"])
def test_a_beginning_without_an_answer_begins_one(fake: Atlas, api: Made, spec: Spec, how: Any) -> None:
    """500 or silence: the restore is looked for before it is asked for again."""
    fake.trouble(CREATE, how)
    begun = _begin(api, spec)
    assert begun.adopted is (how != "drop first")
    assert len(fake.world.clusters["chat"].jobs) == 1
    assert fake.times(CREATE) == (2 if how == "drop first" else 1)


def test_a_restore_under_way_is_taken_up(fake: Atlas, api: Made, spec: Spec) -> None:
    """The same moment into the same target: asked again it is the same restore."""
    first = _begin(api, spec)
    again = _begin(api, spec, known=(first.job,))
    assert (again.job, again.adopted) == (first.job, True)
    assert fake.times(CREATE) == 1


def test_the_newest_moment_moves_on_and_stays_the_same_restore(fake: Atlas, api: Made, spec: Spec) -> None:
    """ "latest" is another second each time it is asked for; one that runs already is as good for an hour."""
    first = _begin(api, spec, SECOND)
    later = {**SECOND, "pointInTimeUTCSeconds": int(NOW) - 60}
    again = _begin(api, spec, later, known=(first.job,), since=int(NOW) - 3600)
    assert (again.job, again.at, again.adopted) == (first.job, f"{int(NOW) - 300},0", True)
    with pytest.raises(Locked):
        _begin(api, spec, later, known=(first.job,), since=int(NOW) - 200)


def test_one_that_was_over_before_is_begun_anew(fake: Atlas, api: Made, spec: Spec) -> None:
    """Last week's rehearsal of the same moment is not tonight's restore: its target was written to since."""
    first = _begin(api, spec)
    assert await_restore(api(), spec(job=first.job)).state == "done"
    again = _begin(api, spec, known=(first.job,))
    assert not again.adopted
    assert again.job != first.job


def test_one_that_ended_while_we_were_dead_is_ours(fake: Atlas, api: Made, spec: Spec) -> None:
    """Begun by us after we had looked, its answer lost with us: it is not done twice."""
    first = _begin(api, spec)
    assert await_restore(api(), spec(job=first.job)).state == "done"
    again = _begin(api, spec)
    assert (again.job, again.adopted) == (first.job, True)


def test_one_that_failed_is_never_taken_up(fake: Atlas, api: Made, spec: Spec) -> None:
    """A failed restore has finishedAt, too."""
    fake.world.outcome = "failed"
    first = _begin(api, spec)
    assert await_restore(api(), spec(job=first.job)).state == "failed"
    assert "finishedAt" in fake.world.clusters["chat"].jobs[0]
    assert not _begin(api, spec).adopted


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "expired"])
def test_the_right_flags_end_the_wait(fake: Atlas, api: Made, spec: Spec, outcome: str) -> None:
    """There is no word for a job's state; each flag that is no success is told as what it is."""
    fake.world.outcome = outcome
    begun = _begin(api, spec)
    assert await_restore(api(), spec(job=begun.job)).state == outcome


def test_finished_alone_is_no_success() -> None:
    """finishedAt and failed together are a failure, which Atlas's own tool calls completed."""
    from datetime import UTC, datetime

    job = RestoreJob("x", finished_at=datetime(2026, 5, 28, tzinfo=UTC), failed=True)
    assert job.state == "failed"


def test_waiting_ends_with_its_slice(fake: Atlas, api: Made, spec: Spec, clock: Clock) -> None:
    """A long restore is told as running, so that the run is heard of and can be stopped."""
    fake.world.restoring = 100
    begun = _begin(api, spec)
    told = await_restore(api(), spec(job=begun.job, seconds=60.0))
    assert told.state == "running"
    assert told.waited == 60.0


def test_another_restore_into_the_spare_is_in_the_way(fake: Atlas, api: Made, spec: Spec) -> None:
    """Another moment is being restored there: nothing is begun over it."""
    _begin(api, spec, SECOND)
    with pytest.raises(Locked, match="another moment into chat-dr"):
        _begin(api, spec, EXACT)
    assert fake.times(CREATE) == 1


def test_a_restore_from_elsewhere_into_the_spare_is_in_the_way(fake: Atlas, api: Made, spec: Spec) -> None:
    """Atlas says so itself where its job lies below another cluster."""
    fake.world.clusters["chat-dr"].state = "UPDATING"
    with pytest.raises(Locked, match="ATLAS_CLUSTER_RESTORE_IN_PROGRESS"):
        _begin(api, spec)


def test_a_moment_that_atlas_does_not_have(fake: Atlas, api: Made, spec: Spec) -> None:
    """Whatever we thought: Atlas's refusal is no backup, in its own words."""
    with pytest.raises(NoBackup, match="Unable to find snapshot prior"):
        _begin(api, spec, {"deliveryType": "pointInTime", "pointInTimeUTCSeconds": int(NOW) - 9 * 86_400})


def test_both_kinds_of_moment_are_refused_by_the_schema(fake: Atlas, api: Made, spec: Spec) -> None:
    """The stand-in is as strict as the schema: one of two, and no other fields."""
    with pytest.raises(StepFailed, match="but not both"):
        _begin(api, spec, {**EXACT, **SECOND})
    with pytest.raises(StepFailed, match="Invalid attribute pointInTimeUtcSeconds"):
        _begin(api, spec, {"deliveryType": "pointInTime", "pointInTimeUtcSeconds": 1})
    with pytest.raises(StepFailed, match="deliveryType: must not be null"):
        _begin(api, spec, {"oplogTs": 1_700_000_000, "oplogInc": 1})


def test_a_paused_target_is_refused(fake: Atlas, api: Made, spec: Spec) -> None:
    """Atlas restores into no paused cluster."""
    fake.world.clusters["chat-dr"].paused = True
    with pytest.raises(StepFailed, match="CLUSTER_PAUSED_CANNOT_RESTORE"):
        _begin(api, spec)


def test_a_job_below_the_target_is_not_found(fake: Atlas, api: Made, spec: Spec) -> None:
    """Asked for below the cluster it goes to, Atlas knows no such job: the stand-in holds us to that."""
    begun = _begin(api, spec)
    with pytest.raises(NotFound, match="No restore job"):
        await_restore(api(), spec(job=begun.job, cluster="chat-dr"))


def test_a_limit_while_waiting_is_waited_out(fake: Atlas, api: Made, spec: Spec) -> None:
    """Polling that is limited goes on when Atlas says."""
    begun = _begin(api, spec)
    limited = Refusal(429, "RATE_LIMITED", "", headers={"Retry-After": "30"})
    fake.trouble("GET .*restoreJobs/", refusal=limited, times=2)
    assert await_restore(api(), spec(job=begun.job, seconds=600.0)).state == "done"
