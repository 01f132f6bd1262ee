"""What is done about clusters: looked at, made where missing, waited for, reached, and deleted when old."""

from __future__ import annotations

from typing import Any

from agent.errors import BadInventory, NotFound, Refused, StepFailed
from agent.providers.atlas.answers import Answered, Silent
from agent.providers.atlas.api import Api
from agent.providers.atlas.calls import (
    CREATE_CLUSTER,
    DELETE_CLUSTER,
    GET_CLUSTER,
    GET_SCHEDULE,
    LIST_RESTORES,
    LIST_SNAPSHOTS,
)
from agent.providers.atlas.replies import Cluster, RestoreJob, Schedule, Snapshot
from agent.providers.atlas.told import Deleted, Look, Member, Provided, Taken, Waited, member
from agent.providers.atlas.words import PROTECTED, in_words

Spec = dict[str, Any]


def look(api: Api, spec: Spec) -> Look:
    """Ask for the cluster, its spare, its backups and the restores from it; changes nothing."""
    where = {"project": spec["project"], "cluster": spec["cluster"]}
    cluster = api.find(GET_CLUSTER, Cluster, where)
    spare = _find(api, spec)
    if cluster is None:
        return Look(api.now, None, spare)
    days = api.get(GET_SCHEDULE, Schedule, where).restore_window_days if cluster.backup_enabled else 0
    taken = [
        Taken(each.id, each.created_at.timestamp())
        for each in api.list(LIST_SNAPSHOTS, Snapshot, where)
        if each.status == "completed" and each.created_at
    ]
    jobs = tuple(job.id for job in api.list(LIST_RESTORES, RestoreJob, where))
    newest_first = tuple(sorted(taken, key=lambda each: each.at, reverse=True))
    return Look(api.now, member(cluster, spec["address"]), spare, days, newest_first, jobs)


def provision(api: Api, spec: Spec) -> Provided:
    """See that the spare is there, and have it made where it is not; it need not be ready yet."""
    there = _find(api, spec)
    if there is not None:
        return Provided(there, False, _remarks(there, spec))
    if not spec["region"]:
        raise BadInventory(
            f"Atlas has no cluster {spec['spare']}, and the inventory does not say where to make it.",
            do="Add `region` (such as AP_NORTHEAST_1) to the service: another one than the cluster's.",
        )
    made, adopted = _create(api, spec)
    return Provided(made, not adopted, _remarks(made, spec) if adopted else ())


def await_spare(api: Api, spec: Spec) -> Waited:
    """Wait at most `seconds` until the spare is ready, and tell how it is then."""
    begun = api.clock()
    while True:
        spare = _find(api, spec)
        if spare is None:
            raise StepFailed(f"{spec['spare']} should be there by now, and Atlas knows no such cluster.")
        if spare.state in ("DELETING", "DELETED"):
            raise StepFailed(
                f"{spare.name} is being deleted.", do="Name another `spare`, or wait until it is gone."
            )
        waited = api.clock() - begun
        if spare.ready or spare.paused or waited >= spec["seconds"]:
            return Waited(spare, waited)
        # A pause between two looks at the awaited state, never in its place.
        api.pause(spec["every"])


def delete(api: Api, spec: Spec) -> Deleted:
    """Have the cluster `old` deleted, refused while nothing proves that a restore from it is old enough.

    Atlas itself is the witness: a restore from `old` into the present cluster that was finished at least
    `after` seconds ago, by its clock.
    """
    where = {"project": spec["project"], "cluster": spec["old"]}
    old = api.find(GET_CLUSTER, Cluster, where)
    if old is None:
        raise NotFound(f"Atlas has no cluster {spec['old']}: it is gone already, or has another name.")
    since = _since(api, spec)
    hours = (api.now - since) / 3600
    if old.state_name in ("DELETING", "DELETED"):
        return Deleted(old.name, hours)
    if api.now - since < spec["after"]:
        left = (spec["after"] - (api.now - since)) / 3600
        raise Refused(
            f"{old.name} was restored elsewhere {hours:.1f} hours ago, and is kept for "
            f"{spec['after'] / 3600:g} hours: {left:.1f} more.",
            do="Until then it is the way back.",
        )
    if old.termination_protection_enabled:
        raise Refused(
            f"{old.name} is protected from being deleted.", do="Take that off in Atlas, if it is to go."
        )
    api.patiently(lambda: _gone(api, where))
    return Deleted(old.name, hours)


def _find(api: Api, spec: Spec) -> Member | None:
    found = api.find(GET_CLUSTER, Cluster, _at_spare(spec))
    return member(found, spec["address"]) if found else None


def _at_spare(spec: Spec) -> dict[str, str]:
    return {"project": spec["project"], "cluster": spec["spare"]}


def _create(api: Api, spec: Spec) -> tuple[Member, bool]:
    """Return the spare, and whether somebody else had made it meanwhile."""

    def settle() -> Cluster | None:
        return api.find(GET_CLUSTER, Cluster, _at_spare(spec))

    try:
        made, adopted = api.change(CREATE_CLUSTER, Cluster, _at_spare(spec), body(spec), settle)
    except Answered as problem:
        # A request whose answer was lost, and that was sent again by something between Atlas and us.
        there = settle() if problem.code == "DUPLICATE_CLUSTER_NAME" else None
        if there is None:
            raise in_words(problem) from None
        made, adopted = there, True
    except Silent as problem:
        raise in_words(problem) from None
    return member(made, spec["address"]), adopted


def body(spec: Spec) -> dict[str, Any]:
    """Return what Atlas is told to make: the playbook's M20 with three nodes, in another region."""
    nodes = {"instanceSize": spec["tier"], "nodeCount": spec["nodes"]}
    if spec.get("disk"):
        nodes["diskSizeGB"] = spec["disk"]
    region = {
        "providerName": spec["cloud"],
        "regionName": spec["region"],
        "priority": 7,
        "electableSpecs": nodes,
    }
    made = {
        "name": spec["spare"],
        "clusterType": "REPLICASET",
        "backupEnabled": True,
        "pitEnabled": True,
        "replicationSpecs": [{"regionConfigs": [region]}],
    }
    return made | ({"mongoDBMajorVersion": spec["version"]} if spec.get("version") else {})


def _remarks(there: Member, spec: Spec) -> tuple[str, ...]:
    wanted = {"tier": there.tier, "nodes": there.nodes, "region": there.region}
    return tuple(
        f"{there.name} has {name} {found}, and the inventory says {spec[name]}"
        for name, found in wanted.items()
        if spec[name] and found != spec[name]
    )


def _since(api: Api, spec: Spec) -> float:
    where = {"project": spec["project"], "cluster": spec["old"]}
    ends = [
        job.finished_at.timestamp()
        for job in api.list(LIST_RESTORES, RestoreJob, where)
        if job.state == "done" and job.finished_at and job.target_cluster_name == spec["cluster"]
    ]
    if not ends:
        raise Refused(
            f"Atlas knows of no restore from {spec['old']} into {spec['cluster']}, so nothing proves that "
            f"{spec['cluster']} has taken its place.",
            do=f"If {spec['old']} is to go all the same, delete it in Atlas by hand.",
        )
    # The newest counts: what was restored since is what is served now.
    return max(ends)


def _gone(api: Api, where: dict[str, str]) -> None:
    try:
        api.once(DELETE_CLUSTER, type(None), where)
    except Answered as problem:
        if problem.code not in ("CLUSTER_ALREADY_REQUESTED_DELETION", "CLUSTER_NOT_FOUND"):
            if problem.code == PROTECTED:
                raise in_words(problem) from None
            raise
