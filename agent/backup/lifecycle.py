"""The lifecycle rules of a bucket of copies: they never touch what is there, only what was removed; pure."""

from __future__ import annotations

from typing import Any

from agent.backup.bucket import Bucket
from agent.backup.retention import tiers_of
from agent.inventory.model import Service

_UPLOADS = 7
_SLACK = 5


def rules(service: Service, bucket: Bucket) -> dict[str, Any]:
    """Return what `aws s3api put-bucket-lifecycle-configuration` takes for a store of a service.

    A rule knows an object's age and nothing else: one that expires what is old would remove the newest
    verified backup of a service that has taken none for a month. So none expires what is there: what the
    policy does not keep is removed by `prune --far`, and only what that, or a thief, removed or wrote over
    goes for good, days after.
    """
    days = max(tiers_of(service).history, bucket.lock_days, 30) + _SLACK
    return {
        "Rules": [
            {
                "ID": "drillyard-removed",
                "Status": "Enabled",
                "Filter": {"Prefix": f"{bucket.root}/".lstrip("/")},
                "NoncurrentVersionExpiration": {"NoncurrentDays": days},
                "Expiration": {"ExpiredObjectDeleteMarker": True},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _UPLOADS},
            }
        ]
    }
