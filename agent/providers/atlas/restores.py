"""What is done about restores: begun once, found again after an interruption, and waited for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agent.errors import Locked
from agent.providers.atlas.answers import Answered, Silent
from agent.providers.atlas.api import Api
from agent.providers.atlas.calls import CREATE_RESTORE, GET_RESTORE, LIST_RESTORES
from agent.providers.atlas.replies import RestoreJob
from agent.providers.atlas.told import Begun, Job
from agent.providers.atlas.words import in_words

Spec = dict[str, Any]

_FIELDS = {
    "deliveryType": "delivery_type",
    "snapshotId": "snapshot_id",
    "pointInTimeUTCSeconds": "point_in_time_utc_seconds",
    "oplogTs": "oplog_ts",
    "oplogInc": "oplog_inc",
}


def begin(api: Api, spec: Spec) -> Begun:
    """Have the restore `wanted` begun from the cluster into the spare, once.

    Asked again after an answer was lost, it finds what it began: a restore to the same moment and target that
    still runs, or that Atlas did not know of when things were looked at (`known`).

    Raises:
        Locked: another restore into the spare is under way.
    """
    where = {"project": spec["project"], "cluster": spec["cluster"]}

    def jobs() -> list[RestoreJob]:
        return api.list(LIST_RESTORES, RestoreJob, where)

    def settle() -> RestoreJob | None:
        return ours(jobs(), spec)

    there = jobs()
    if (begun := ours(there, spec)) is not None:
        return _begun(begun, True)
    for job in there:
        if job.state == "running" and job.target_cluster_name == spec["spare"]:
            raise Locked(
                f"Atlas is restoring another moment into {spec['spare']} already (job {job.id}).",
                do="Wait for it, or cancel it in Atlas if nobody wants it; then resume.",
            )
    body = {
        **spec["wanted"],
        "targetClusterName": spec["spare"],
        "targetGroupId": spec["project"],
    }
    try:
        job, adopted = api.change(CREATE_RESTORE, RestoreJob, where, body, settle)
    except (Answered, Silent) as problem:
        raise in_words(problem) from None
    return _begun(job, adopted)


def await_restore(api: Api, spec: Spec) -> Job:
    """Wait at most `seconds` until the restore `job` is over, and tell how it is then."""
    # The job belongs to the cluster it comes from, and not to the one it goes to.
    where = {"project": spec["project"], "cluster": spec["cluster"], "job": spec["job"]}
    begun = api.clock()
    while True:
        job = api.get(GET_RESTORE, RestoreJob, where)
        waited = api.clock() - begun
        if job.state != "running" or waited >= spec["seconds"]:
            return Job(job.id, job.state, waited)
        # A pause between two looks at the awaited state, never in its place.
        api.pause(spec["every"])


def ours(jobs: Sequence[RestoreJob], spec: Spec) -> RestoreJob | None:
    """Return the restore that we began, or one that runs and is as good, or None; pure."""
    jobs = [
        job
        for job in jobs
        if job.target_cluster_name == spec["spare"] and job.target_group_id in ("", spec["project"])
    ]
    same = [
        job
        for job in jobs
        if all(getattr(job, _FIELDS[key]) == value for key, value in spec["wanted"].items())
    ]
    running = [job for job in (*same, *_recent(jobs, spec)) if job.state == "running"]
    new = [job for job in same if job.state == "done" and job.id not in spec["known"]]
    return next(iter(running + new), None)


def _recent(jobs: Sequence[RestoreJob], spec: Spec) -> list[RestoreJob]:
    """Return the restores of a moment that is new enough where the newest was asked for."""
    if not spec["since"]:
        return []
    return [job for job in jobs if (job.point_in_time_utc_seconds or 0) >= spec["since"]]


def _begun(job: RestoreJob, adopted: bool) -> Begun:
    if job.oplog_ts:
        at = f"{job.oplog_ts},{job.oplog_inc}"
    elif job.point_in_time_utc_seconds:
        at = f"{job.point_in_time_utc_seconds},0"
    else:
        at = f"{int(job.timestamp.timestamp())},0" if job.timestamp else ""
    return Begun(job.id, at, adopted)
