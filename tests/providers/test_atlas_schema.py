"""What we send and read is in Atlas's published schema: operations, versions, roles, fields."""

from __future__ import annotations

import msgspec
import pytest

from agent.providers.atlas import calls, replies
from agent.providers.atlas.calls import Call
from agent.providers.atlas.clusters import body
from drills.standins.atlas import schema

CALLS = [value for value in vars(calls).values() if isinstance(value, Call)]
NAMES = {"project": "6902b122abf4374f32996ea1", "cluster": "chat", "job": "x"}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.what)
def test_a_call_is_an_operation_in_a_version_it_has(call: Call) -> None:
    """Method and path are those of one operation, with a version and a role that it has."""
    (operation,) = [each for each in schema.OPERATIONS if each.match(call.method, call.at(NAMES)) is not None]
    assert call.version in operation.versions
    assert call.version == max(operation.versions), "a newer version was published"
    assert call.role in operation.roles


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        (replies.Cluster, schema.CLUSTER),
        (replies.Addresses, schema.ADDRESSES),
        (replies.Schedule, schema.SCHEDULE),
        (replies.Snapshot, schema.SNAPSHOT),
        (replies.RestoreJob, schema.JOB),
        (replies.Page, schema.PAGE),
        (replies.ApiError, schema.ERROR),
    ],
)
def test_we_read_published_fields_only(kind: type, published: frozenset[str]) -> None:
    """A field that we misspell would be empty for good, and nobody would notice."""
    assert {field.encode_name for field in msgspec.structs.fields(kind)} <= published


def test_a_new_cluster_is_described_by_published_fields() -> None:
    """The body of a creation holds nothing the schema has not, and the playbook's figures."""
    told = body(
        {
            "spare": "chat-dr",
            "tier": "M20",
            "nodes": 3,
            "region": "AP_NORTHEAST_1",
            "cloud": "AWS",
            "version": "8.0",
            "disk": 20.0,
        }
    )
    assert set(told) <= schema.CLUSTER
    (shard,) = told["replicationSpecs"]
    (region,) = shard["regionConfigs"]
    assert region["electableSpecs"] == {"instanceSize": "M20", "nodeCount": 3, "diskSizeGB": 20.0}
    assert told["pitEnabled"]
