"""What Atlas answers, as frozen values: the fields we read, under the names of its published schema."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, field


class Specs(Struct, frozen=True, rename="camel"):
    """The nodes of one region that can be elected."""

    instance_size: str = ""
    node_count: int = 0
    disk_size_gb: float | None = field(name="diskSizeGB", default=None)


class Region(Struct, frozen=True, rename="camel"):
    """One region of a shard; the one of the highest priority has the primary."""

    provider_name: str = ""
    region_name: str = ""
    priority: int = 0
    electable_specs: Specs | None = None


class Shard(Struct, frozen=True, rename="camel"):
    """One shard; a replica set has exactly one."""

    region_configs: tuple[Region, ...] = ()


class Addresses(Struct, frozen=True, rename="camel"):
    """How a cluster is reached; everything is absent while it is being created."""

    standard: str = ""
    standard_srv: str = ""
    private: str = ""
    private_srv: str = ""


class Cluster(Struct, frozen=True, rename="camel"):
    """A cluster, as GET clusters/{name} tells it since 2024-08-05."""

    name: str
    state_name: str = ""
    cluster_type: str = ""
    paused: bool = False
    backup_enabled: bool = False
    pit_enabled: bool = False
    termination_protection_enabled: bool = False
    mongo_db_major_version: str = field(name="mongoDBMajorVersion", default="")
    connection_strings: Addresses | None = None
    replication_specs: tuple[Shard, ...] = ()

    @property
    def main(self) -> Region:
        """The region with the primary."""
        regions = [region for shard in self.replication_specs for region in shard.region_configs]
        return max(regions, key=lambda region: region.priority, default=Region())

    @property
    def nodes(self) -> int:
        """How many nodes of one shard can be elected."""
        first = self.replication_specs[:1]
        specs = [region.electable_specs for shard in first for region in shard.region_configs]
        return sum(each.node_count for each in specs if each)

    @property
    def addresses(self) -> Addresses:
        """How it is reached, empty where nothing is told yet."""
        return self.connection_strings or Addresses()


class Schedule(Struct, frozen=True, rename="camel"):
    """How many days back a moment can be restored; 0 where there is no continuous backup."""

    restore_window_days: int = 0


class Snapshot(Struct, frozen=True, rename="camel"):
    """One snapshot; `status` is queued, inProgress, completed or failed."""

    id: str
    status: str = ""
    created_at: datetime | None = None


class RestoreJob(Struct, frozen=True, rename="camel"):
    """One restore; there is no word for its state, only these flags."""

    id: str
    delivery_type: str = ""
    target_cluster_name: str = ""
    target_group_id: str = ""
    snapshot_id: str | None = None
    point_in_time_utc_seconds: int | None = field(name="pointInTimeUTCSeconds", default=None)
    oplog_ts: int | None = None
    oplog_inc: int | None = None
    timestamp: datetime | None = None
    cancelled: bool = False
    expired: bool = False
    failed: bool = False
    finished_at: datetime | None = None

    @property
    def state(self) -> str:
        """`running`, `done`, `failed`, `cancelled` or `expired`.

        Atlas sets `finishedAt` on a failed job as well, so that alone says nothing (its own command-line tool
        prints "Restore completed" then).
        """
        for flag in ("failed", "cancelled", "expired"):
            if getattr(self, flag):
                return flag
        return "done" if self.finished_at else "running"


class Page(Struct, frozen=True, rename="camel"):
    """One page of a list."""

    results: tuple[Any, ...] = ()


class Field(Struct, frozen=True, rename="camel"):
    """What is wrong with one field of a request."""

    field: str = ""
    description: str = ""


class BadRequest(Struct, frozen=True, rename="camel"):
    """What is wrong with a request, field by field."""

    fields: tuple[Field, ...] = ()


class ApiError(Struct, frozen=True, rename="camel"):
    """An error as Atlas words it."""

    error: int = 0
    error_code: str = ""
    reason: str = ""
    detail: str = ""
    parameters: tuple[Any, ...] = ()
    bad_request_detail: BadRequest | None = None
