"""Clusters: made once whatever is lost on the way, waited for, and deleted only when old enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from agent.errors import BadInventory, ContactLost, NotFound, Refused, ServiceRefused, StepFailed
from agent.providers.atlas.api import Api
from agent.providers.atlas.clusters import await_spare, delete, look, provision
from drills.standins.atlas import Atlas
from drills.standins.atlas.world import Refusal
from tests.providers.conftest import NOW, Clock

Made = Callable[..., Api]
Spec = Callable[..., dict[str, Any]]
CREATE = "POST .*/clusters$"
BUSY = Refusal(500, "UNEXPECTED_ERROR", "Unexpected error.")


def test_a_look_tells_what_decisions_need(fake: Atlas, api: Made, spec: Spec) -> None:
    """States, versions, the window, completed snapshots the newest first, and Atlas's own time."""
    chat = fake.world.clusters["chat"]
    fake.world.snapshot(chat, NOW - 3600)
    fake.world.snapshot(chat, NOW - 60, "inProgress")
    found = look(api(), spec())
    assert found.cluster is not None
    assert (found.cluster.tier, found.cluster.nodes, found.cluster.version) == ("M20", 3, "8.0")
    assert found.cluster.address == "mongodb+srv://chat.ab1cd.mongodb.net"
    assert found.spare is not None
    assert found.spare.region == "AP_NORTHEAST_1"
    assert found.spare.ready
    assert [taken.at for taken in found.snapshots] == [NOW - 3600, NOW - 6 * 3600]
    assert (found.now, found.days) == (NOW, 7)
    assert fake.times("POST .*/groups|DELETE") == 0


def test_lists_are_read_to_their_end(fake: Atlas, api: Made, spec: Spec) -> None:
    """A project with more than a page of restores is read page after page."""
    chat = fake.world.clusters["chat"]
    for _ in range(1100):
        chat.jobs.append({"id": fake.world.id(), "deliveryType": "automated", "failed": True})
    assert len(look(api(), spec()).jobs) == 1100
    assert fake.times("restoreJobs") == 3


def test_a_cluster_that_is_gone_is_told_as_gone(fake: Atlas, api: Made, spec: Spec) -> None:
    """No error: what follows from it is for others to say."""
    del fake.world.clusters["chat"]
    del fake.world.clusters["chat-dr"]
    found = look(api(), spec())
    assert (found.cluster, found.spare, found.jobs) == (None, None, ())


def test_a_missing_spare_is_made_as_the_inventory_says(fake: Atlas, api: Made, spec: Spec) -> None:
    """M20, three nodes, the other region; it has no address while it is being made."""
    del fake.world.clusters["chat-dr"]
    made = provision(api(), spec())
    assert made.created
    assert (made.spare.state, made.spare.address) == ("CREATING", "")
    waited = await_spare(api(), spec())
    assert waited.spare.ready
    assert waited.spare.address == "mongodb+srv://chat-dr.ab1cd.mongodb.net"
    there = fake.world.clusters["chat-dr"]
    assert (there.tier, there.nodes, there.region, there.cloud) == ("M20", 3, "AP_NORTHEAST_1", "AWS")


def test_a_spare_that_is_there_is_left_as_it_is(fake: Atlas, api: Made, spec: Spec) -> None:
    """Nothing is made, and how it differs from the inventory is said."""
    fake.world.clusters["chat-dr"].tier = "M10"
    found = provision(api(), spec())
    assert not found.created
    assert found.remarks == ("chat-dr has tier M10, and the inventory says M20",)
    assert fake.times(CREATE) == 0


@pytest.mark.parametrize("how", ["fail", "drop", "drop first"])
def test_a_creation_without_an_answer_makes_one_cluster(fake: Atlas, api: Made, spec: Spec, how: Any) -> None:
    """Atlas may have made it and failed to say so: it is looked for before it is asked for again."""
    del fake.world.clusters["chat-dr"]
    fake.trouble(CREATE, how)
    made = provision(api(), spec())
    assert "chat-dr" in fake.world.clusters
    assert made.created is (how == "drop first")
    assert fake.times(CREATE) == (2 if how == "drop first" else 1)


def test_a_limited_creation_is_no_doubtful_one(fake: Atlas, api: Made, spec: Spec, clock: Clock) -> None:
    """A 429 did nothing, so it is simply asked again, when Atlas says."""
    del fake.world.clusters["chat-dr"]
    fake.trouble(CREATE, refusal=Refusal(429, "RATE_LIMITED", "", headers={"Retry-After": "9"}))
    assert provision(api(), spec()).created
    assert clock.waited == 9


def test_a_name_that_became_taken_is_ours(
    fake: Atlas, api: Made, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DUPLICATE_CLUSTER_NAME for a request that was sent twice on its way is a success."""
    del fake.world.clusters["chat-dr"]
    create = fake.world.create

    def twice(body: dict[str, Any]) -> dict[str, Any]:
        create(body)
        return create(body)

    monkeypatch.setattr(fake.world, "create", twice)
    found = provision(api(), spec())
    assert found.spare.name == "chat-dr"
    assert not found.created
    assert fake.times(CREATE) == 1


def test_a_creation_that_fails_for_good_says_how_it_stands(fake: Atlas, api: Made, spec: Spec) -> None:
    """A 500 that stays, with no cluster there, is told as Atlas's failure."""
    del fake.world.clusters["chat-dr"]
    fake.trouble(CREATE, refusal=BUSY, times=99)
    with pytest.raises(StepFailed, match="asked to create a cluster and went wrong itself"):
        provision(api(), spec())


def test_a_creation_into_silence_is_unknown(fake: Atlas, api: Made, spec: Spec) -> None:
    """No answer for good: whether it happened is unknown, and says so."""
    del fake.world.clusters["chat-dr"]
    fake.trouble(CREATE, "drop first", times=99)
    with pytest.raises(ContactLost, match="whether it did is not known"):
        provision(api(), spec())


def test_a_creation_that_is_refused_is_not_repeated(fake: Atlas, api: Made, spec: Spec) -> None:
    """Without the role, or without room, one answer is enough."""
    del fake.world.clusters["chat-dr"]
    fake.guard.roles = ("Project Backup Manager", "Project Read Only")
    with pytest.raises(ServiceRefused, match="may not"):
        provision(api(), spec())
    assert fake.times(CREATE) == 1


def test_where_to_make_it_must_be_said(fake: Atlas, api: Made, spec: Spec) -> None:
    """Without a region nothing is made by guess."""
    del fake.world.clusters["chat-dr"]
    with pytest.raises(BadInventory, match="where to make it"):
        provision(api(), spec(region=""))
    assert fake.times(CREATE) == 0


def test_waiting_ends_with_its_slice(fake: Atlas, api: Made, spec: Spec, clock: Clock) -> None:
    """A spare that takes long is told as it is by then; who asked decides whether to go on."""
    fake.world.creating = 50
    del fake.world.clusters["chat-dr"]
    provision(api(), spec())
    waited = await_spare(api(), spec(seconds=60.0))
    assert waited.spare.state == "CREATING"
    assert 60 <= waited.waited <= 70
    assert clock.waited <= 70


def test_a_spare_that_vanishes_or_goes_is_said(fake: Atlas, api: Made, spec: Spec) -> None:
    """Somebody deletes it while we wait."""
    fake.world.clusters["chat-dr"].state = "DELETING"
    fake.world.clusters["chat-dr"].left = 1
    with pytest.raises(StepFailed, match="is being deleted"):
        await_spare(api(), spec())
    del fake.world.clusters["chat-dr"]
    with pytest.raises(StepFailed, match="should be there by now"):
        await_spare(api(), spec())


def _served(fake: Atlas, hours: float) -> None:
    """Have chat restored into chat-dr so many hours ago."""
    job = fake.world.restore("chat", _wanted(fake))
    fake.world.end(job, "done")
    job["finishedAt"] = fake.world.utc(NOW - hours * 3600)


def _wanted(fake: Atlas) -> dict[str, Any]:
    return {
        "deliveryType": "pointInTime",
        "pointInTimeUTCSeconds": int(NOW) - 600,
        "targetClusterName": "chat-dr",
        "targetGroupId": fake.world.project,
    }


def test_the_old_cluster_goes_after_a_day(fake: Atlas, api: Made, spec: Spec) -> None:
    """By Atlas's own record of the restore; asked again while it goes, nothing more happens."""
    _served(fake, 24.5)
    told = spec(cluster="chat-dr", spare="chat-dr2", old="chat", after=86_400)
    gone = delete(api(), told)
    assert gone.name == "chat"
    assert gone.hours == pytest.approx(24.5, abs=0.01)
    delete(api(), told)
    assert fake.times("DELETE") == 1


def test_the_old_cluster_stays_before(fake: Atlas, api: Made, spec: Spec) -> None:
    """An hour too early is refused, with how long it is still kept."""
    _served(fake, 23.0)
    with pytest.raises(Refused, match=r"23\.0 hours ago, and is kept for 24 hours: 1\.0 more"):
        delete(api(), spec(cluster="chat-dr", old="chat", after=86_400))
    assert fake.times("DELETE") == 0


@pytest.mark.parametrize("outcome", ["none", "failed", "elsewhere"])
def test_no_proof_no_deletion(fake: Atlas, api: Made, spec: Spec, outcome: str) -> None:
    """Without a finished restore from it into the present cluster, nothing says it was replaced."""
    if outcome != "none":
        _served(fake, 30.0)
        job = fake.world.clusters["chat"].jobs[-1]
        job["failed"] = outcome == "failed"
        job["targetClusterName"] = "other" if outcome == "elsewhere" else "chat-dr"
    with pytest.raises(Refused, match="nothing proves"):
        delete(api(), spec(cluster="chat-dr", old="chat", after=86_400))
    assert fake.times("DELETE") == 0


def test_the_newest_restore_counts(fake: Atlas, api: Made, spec: Spec) -> None:
    """Restored again an hour ago: the old cluster is the way back from that."""
    _served(fake, 30.0)
    _served(fake, 1.0)
    with pytest.raises(Refused, match=r"1\.0 hours ago"):
        delete(api(), spec(cluster="chat-dr", old="chat", after=86_400))


def test_a_protected_cluster_is_left(fake: Atlas, api: Made, spec: Spec) -> None:
    """Its protection is somebody's decision, and is not taken off by us."""
    _served(fake, 30.0)
    fake.world.clusters["chat"].protected = True
    with pytest.raises(Refused, match="protected"):
        delete(api(), spec(cluster="chat-dr", old="chat", after=86_400))
    assert fake.times("DELETE") == 0


def test_an_old_cluster_that_is_gone_is_said(fake: Atlas, api: Made, spec: Spec) -> None:
    """Nothing to delete is not a success of ours."""
    with pytest.raises(NotFound, match="gone already, or has another name"):
        delete(api(), spec(cluster="chat-dr", old="chatt", after=86_400))


def test_a_deletion_without_an_answer_is_asked_again(fake: Atlas, api: Made, spec: Spec) -> None:
    """CLUSTER_ALREADY_REQUESTED_DELETION then means that the first one arrived."""
    _served(fake, 30.0)
    fake.trouble("DELETE", "drop")
    assert delete(api(), spec(cluster="chat-dr", old="chat", after=86_400)).name == "chat"
    assert fake.times("DELETE") == 2
