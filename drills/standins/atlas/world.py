"""The clusters, snapshots and restores of the stand-in; they move on by being looked at."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from drills.standins.atlas.schema import NAME


@dataclass
class Refusal(Exception):
    """An answer that is an error; `parameters` are those of its detail."""

    status: int
    code: str
    detail: str
    parameters: tuple[Any, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Cluster:
    """One cluster. `left` is how many looks at it are left until its state is IDLE (or it is gone)."""

    name: str
    state: str = "IDLE"
    left: int = 0
    version: str = "8.0"
    tier: str = "M20"
    nodes: int = 3
    region: str = "AP_NORTHEAST_2"
    cloud: str = "AWS"
    continuous: bool = True
    paused: bool = False
    protected: bool = False
    days: int = 7
    standard: str = ""
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)

    def told(self, project: str) -> dict[str, Any]:
        """Return it as GET does; nothing is told of how it is reached while it is being made."""
        host = f"{self.name.lower()}.ab1cd.mongodb.net"
        addresses = {"standardSrv": f"mongodb+srv://{host}", "standard": self.standard or _standard(host)}
        nodes = {"instanceSize": self.tier, "nodeCount": self.nodes, "diskSizeGB": 20.0}
        region = {
            "providerName": self.cloud,
            "regionName": self.region,
            "priority": 7,
            "electableSpecs": nodes,
        }
        return {
            "name": self.name,
            "groupId": project,
            "clusterType": "REPLICASET",
            "stateName": self.state,
            "paused": self.paused,
            "backupEnabled": True,
            "pitEnabled": self.continuous,
            "terminationProtectionEnabled": self.protected,
            "mongoDBMajorVersion": self.version,
            "connectionStrings": None if self.state == "CREATING" else addresses,
            "replicationSpecs": [{"regionConfigs": [region]}],
        }


def _standard(host: str) -> str:
    nodes = ",".join(f"{host.replace('.', f'-shard-00-0{n}.', 1)}:27017" for n in range(3))
    return f"mongodb://{nodes}/?ssl=true&authSource=admin&replicaSet=atlas-x1y2z3-shard-0"


@dataclass
class World:
    """Everything there is in one project; `clock` is Atlas's own.

    A new cluster is IDLE after `creating` looks, a restore over after `restoring`, and then it is `outcome`.
    `carry` does what a restore means for a real database, in the background; the job waits for it too.
    """

    project: str = "6902b122abf4374f32996ea1"
    clock: Callable[[], float] = time.time
    creating: int = 2
    restoring: int = 2
    deleting: int = 1
    outcome: str = "done"
    carry: Callable[[dict[str, Any]], None] | None = None
    clusters: dict[str, Cluster] = field(default_factory=dict)
    carried: dict[str, threading.Thread] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    count: int = 0

    def id(self) -> str:
        """Return another id of 24 hexadecimal digits."""
        self.count += 1
        return f"{int(self.clock()):08x}{self.count:016x}"

    def utc(self, seconds: float) -> str:
        """Return a moment as Atlas writes it."""
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def add(self, name: str, **settings: Any) -> Cluster:
        """Have a cluster there from the start, with a snapshot of six hours ago."""
        self.clusters[name] = cluster = Cluster(name, **settings)
        self.snapshot(cluster, self.clock() - 6 * 3600)
        return cluster

    def snapshot(self, cluster: Cluster, at: float, status: str = "completed") -> str:
        """Add a snapshot and return its id."""
        made = {"id": self.id(), "status": status, "createdAt": self.utc(at), "snapshotType": "scheduled"}
        cluster.snapshots.append(made)
        return str(made["id"])

    def cluster(self, name: str) -> Cluster:
        """Return a cluster.

        Raises:
            Refusal: there is none of that name.
        """
        found = self.clusters.get(name)
        if found is None:
            raise Refusal(
                404,
                "CLUSTER_NOT_FOUND",
                f"No cluster named {name} exists in group {self.project}.",
                (name, self.project),
            )
        return found

    def look(self, name: str) -> dict[str, Any]:
        """Tell a cluster, and let it move on a little."""
        cluster = self.cluster(name)
        if cluster.state in ("CREATING", "DELETING"):
            if cluster.left <= 0 and cluster.state == "DELETING":
                del self.clusters[name]
                return self.look(name)
            cluster.state = "IDLE" if cluster.left <= 0 else cluster.state
            cluster.left -= 1
        return cluster.told(self.project)

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """Begin to make a cluster."""
        name = body["name"]
        if not NAME.fullmatch(name):
            raise Refusal(400, "CLUSTER_NAME_INVALID", f"The cluster name {name} is invalid.", (name,))
        if name in self.clusters:
            raise Refusal(
                400, "DUPLICATE_CLUSTER_NAME", f"A cluster named {name} is already present in group.", (name,)
            )
        region = body["replicationSpecs"][0]["regionConfigs"][0]
        nodes = region["electableSpecs"]
        self.clusters[name] = cluster = Cluster(
            name,
            "CREATING",
            self.creating,
            version=body.get("mongoDBMajorVersion", "8.0"),
            tier=nodes["instanceSize"],
            nodes=nodes["nodeCount"],
            region=region["regionName"],
            cloud=region["providerName"],
            continuous=body.get("pitEnabled", False),
        )
        return cluster.told(self.project)

    def delete(self, name: str) -> None:
        """Begin to delete a cluster."""
        cluster = self.cluster(name)
        if cluster.protected:
            raise Refusal(
                400,
                "CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED",
                "Cannot terminate a cluster when termination protection is enabled.",
            )
        if cluster.state == "DELETING":
            raise Refusal(
                400,
                "CLUSTER_ALREADY_REQUESTED_DELETION",
                f"The cluster {name} has already been requested for deletion.",
                (name,),
            )
        cluster.state, cluster.left = "DELETING", self.deleting

    def restore(self, source: str, body: dict[str, Any]) -> dict[str, Any]:
        """Begin a restore; it belongs to the cluster it comes from."""
        cluster = self.cluster(source)
        moment = self._moment(cluster, body)
        target = self.cluster(str(body.get("targetClusterName")))
        if target.paused:
            raise Refusal(
                400, "CLUSTER_PAUSED_CANNOT_RESTORE", "Backup restore cannot occur on a paused cluster."
            )
        if target.state != "IDLE":
            raise Refusal(409, "ATLAS_CLUSTER_RESTORE_IN_PROGRESS", "Cluster restore already in progress.")
        job = {
            "id": self.id(),
            **body,
            "cancelled": False,
            "expired": False,
            "failed": False,
            "timestamp": self.utc(moment),
            "components": None,
        }
        cluster.jobs.append(job)
        target.state = "UPDATING"
        if self.carry is not None:
            thread = threading.Thread(target=self._carry, args=(job,), daemon=True)
            self.carried[str(job["id"])] = thread
            thread.start()
        return job

    def job(self, source: str, id_: str) -> dict[str, Any]:
        """Tell a restore, and let it move on a little."""
        cluster = self.cluster(source)
        found = next((job for job in cluster.jobs if job["id"] == id_), None)
        if found is None:
            raise Refusal(
                404,
                "RESTORE_JOB_NOT_FOUND",
                f"No restore job with ID {id_} exists for cluster {source}.",
                (id_, source),
            )
        self._move(found)
        return found

    def end(self, job: dict[str, Any], outcome: str) -> None:
        """Have a restore be over. Atlas sets finishedAt on one that failed, too."""
        if outcome != "done":
            job[outcome] = True
        if outcome in ("done", "failed"):
            job["finishedAt"] = self.utc(self.clock())
        if (target := self.clusters.get(job["targetClusterName"])) is not None:
            target.state = "IDLE"

    def _move(self, job: dict[str, Any]) -> None:
        thread = self.carried.get(str(job["id"]))
        if "finishedAt" in job or job["cancelled"] or job["expired"] or (thread and thread.is_alive()):
            return
        looks = job["looks"] = job.get("looks", 0) + 1
        if looks > self.restoring:
            self.end(job, "failed" if job["id"] in self.broken else self.outcome)

    def _carry(self, job: dict[str, Any]) -> None:
        assert self.carry is not None
        try:
            self.carry(job)
        except Exception:  # noqa: BLE001 - whatever broke, Atlas would say no more than that it failed
            self.broken.append(str(job["id"]))

    def _moment(self, cluster: Cluster, body: dict[str, Any]) -> float:
        """Return the moment a body asks for, or refuse it as Atlas does."""
        if body["deliveryType"] == "automated":
            for snapshot in cluster.snapshots:
                if snapshot["id"] == body.get("snapshotId") and snapshot["status"] == "completed":
                    return _seconds(snapshot["createdAt"])
            raise Refusal(
                404,
                "SNAPSHOT_NOT_FOUND",
                f"No snapshot with ID {body.get('snapshotId')} exists for cluster {cluster.name}.",
            )
        if body["deliveryType"] != "pointInTime":
            raise Refusal(
                400, "UNSUPPORTED_DELIVERY_METHOD", "The specified delivery method is not supported."
            )
        if ("pointInTimeUTCSeconds" in body) == ("oplogTs" in body):
            said = "must specify either pointInTimeUTCSeconds or oplogTs, but not both"
            raise Refusal(400, "INVALID_ATTRIBUTE", said, ("pointInTimeUTCSeconds",))
        moment = int(body.get("pointInTimeUTCSeconds") or body["oplogTs"])
        number = body.get("oplogInc", 0) if "oplogTs" in body else 1
        if moment < 1_199_145_600 or not 1 <= number < 1 << 31:
            raise Refusal(400, "INVALID_ATTRIBUTE", "Invalid attribute oplogInc specified.", ("oplogInc",))
        before = [_seconds(each["createdAt"]) for each in cluster.snapshots if each["status"] == "completed"]
        first = max(self.clock() - cluster.days * 86_400, min(before, default=self.clock() + 1))
        if not cluster.continuous or not first <= moment <= self.clock():
            raise Refusal(
                404,
                "UNABLE_T0_FIND_SNAPSHOT_PRIOR_TO_PIT_RESTORE_OPTIME",
                "Unable to find snapshot prior to pit restore optime.",
            )
        return float(moment)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(re.sub("Z$", "+00:00", text)).timestamp()
