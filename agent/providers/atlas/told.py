"""What the program tells of Atlas: the facts our decisions rest on, as frozen values that travel as JSON."""

from __future__ import annotations

from dataclasses import dataclass

from agent.providers.atlas.replies import Cluster


@dataclass(frozen=True)
class Member:
    """A cluster: `state` is IDLE where nothing is going on with it; `address` is without user and password.

    `address` is "" while it is being made. `version` is MongoDB's major one.
    """

    name: str
    state: str
    version: str = ""
    tier: str = ""
    nodes: int = 0
    region: str = ""
    address: str = ""
    paused: bool = False
    continuous: bool = False
    disk: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether it is there for good: a restore into it makes it UPDATING, and it keeps its address."""
        return self.state in ("IDLE", "UPDATING") and bool(self.address) and not self.paused


@dataclass(frozen=True)
class Taken:
    """A snapshot that can be restored, and when it was taken, in seconds since 1970."""

    id: str
    at: float


@dataclass(frozen=True)
class Look:
    """How things are, at `now` by Atlas's clock: the cluster, its spare, and what can be restored.

    `days` is how far back a moment can be restored (0 = not at all), `snapshots` are the completed ones, the
    newest first, `jobs` the restores from the cluster that Atlas knows of.
    """

    now: float
    cluster: Member | None
    spare: Member | None
    days: int = 0
    snapshots: tuple[Taken, ...] = ()
    jobs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provided:
    """The spare after it was seen to: whether this made it, and how it differs from what was asked for."""

    spare: Member
    created: bool
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Begun:
    """A restore that is under way, its moment as SECS,INC, and whether it was found begun already."""

    job: str
    at: str
    adopted: bool


@dataclass(frozen=True)
class Job:
    """How a restore is: running, done, failed, cancelled or expired; `waited` is how long this look took."""

    id: str
    state: str
    waited: float


@dataclass(frozen=True)
class Waited:
    """The spare as it is after having been waited for, and how long that took."""

    spare: Member
    waited: float


@dataclass(frozen=True)
class Deleted:
    """The cluster that is being deleted, and for how many hours its successor was there."""

    name: str
    hours: float


def member(cluster: Cluster, address: str) -> Member:
    """Return what we want to know of a cluster; `address` names one of its connection strings."""
    main, addresses = cluster.main, cluster.addresses
    names = {
        "standardSrv": addresses.standard_srv,
        "standard": addresses.standard,
        "privateSrv": addresses.private_srv,
        "private": addresses.private,
    }
    specs = main.electable_specs
    return Member(
        name=cluster.name,
        state=cluster.state_name,
        version=cluster.mongo_db_major_version,
        tier=specs.instance_size if specs else "",
        nodes=cluster.nodes,
        region=main.region_name,
        address=names[address],
        paused=cluster.paused,
        continuous=cluster.pit_enabled,
        disk=(specs.disk_size_gb or 0.0) if specs else 0.0,
    )
