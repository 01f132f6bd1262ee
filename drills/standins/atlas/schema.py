"""The part of MongoDB Atlas's published schema that the stand-in speaks: operations, versions, fields, roles.

Source: the OpenAPI document of the Atlas Admin API v2 (https://github.com/mongodb/openapi), release
v20250312, and its list of error codes (https://www.mongodb.com/docs/atlas/reference/api-errors).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

PROJECT = re.compile(r"[a-f0-9]{24}")
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]*")
READ, BACKUPS, OWNER = "Project Read Only", "Project Backup Manager", "Project Owner"
CREATOR = "Project Cluster Creator"


@dataclass(frozen=True)
class Operation:
    """One operation: the resource versions it has had, the roles it takes, the fields of body and answer."""

    id: str
    method: str
    path: str
    versions: tuple[str, ...]
    roles: tuple[str, ...]
    answer: frozenset[str] = frozenset()
    body: dict[str, type | tuple[type, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    status: int = 200

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Return the names in a path that is this operation's, or None."""
        if method != self.method:
            return None
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None

    def version(self, asked: str) -> str | None:
        """Return the newest version that is not younger than the date asked for, or None."""
        return max((each for each in self.versions if each <= asked), default=None)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLUSTER = _names("""
    acceptDataRisksAndForceReplicaSetReconfig advancedConfiguration backupEnabled biConnector clusterType
    configServerManagementMode configServerType connectionStrings createDate diskWarmingMode
    encryptionAtRestProvider featureCompatibilityVersion featureCompatibilityVersionExpirationDate
    globalClusterSelfManagedSharding groupId id internalClusterRole labels links mongoDBEmployeeAccessGrant
    mongoDBMajorVersion mongoDBVersion name paused pitEnabled redactClientLogData replicaSetScalingStrategy
    replicationSpecs rootCertType stateName tags terminationProtectionEnabled versionReleaseSystem
""")
ADDRESSES = _names("awsPrivateLink awsPrivateLinkSrv private privateEndpoint privateSrv standard standardSrv")
SNAPSHOT = _names("""
    cloudProvider copyRegions createdAt description expiresAt frequencyType id links masterKeyUUID
    mongodVersion policyItems replicaSetName snapshotType status storageSizeBytes type
""")
JOB = _names("""
    cancelled components deliveryType deliveryUrl desiredTimestamp expired expiresAt failed finishedAt id
    links oplogInc oplogTs pointInTimeUTCSeconds privateDownloadDeliveryUrls snapshotId targetClusterName
    targetGroupId timestamp
""")
SCHEDULE = _names("""
    autoExportEnabled clusterId clusterName copySettings deleteCopiedBackups deleteSnapshots export
    extraRetentionSettings links nextSnapshot policies referenceHourOfDay referenceMinuteOfHour
    restoreWindowDays updateSnapshots useOrgAndGroupNamesInExportPrefix
""")
PAGE = _names("links results totalCount")
ERROR = _names("badRequestDetail detail error errorCode parameters reason")
STATES = ("IDLE", "CREATING", "UPDATING", "DELETING", "REPAIRING")

_CLUSTERS = "/api/atlas/v2/groups/{groupId}/clusters"
_ONE = _CLUSTERS + "/{clusterName}"
_BACKUP = _ONE + "/backup"
_OLD = ("2023-01-01", "2023-02-01", "2024-08-05")

OPERATIONS = (
    Operation("getCluster", "GET", _ONE, _OLD, (READ,), CLUSTER),
    Operation(
        "createCluster",
        "POST",
        _CLUSTERS,
        (*_OLD, "2024-10-23"),
        (OWNER, CREATOR),
        CLUSTER,
        {
            "name": str,
            "clusterType": str,
            "backupEnabled": bool,
            "pitEnabled": bool,
            "mongoDBMajorVersion": str,
            "terminationProtectionEnabled": bool,
            "replicationSpecs": list,
        },
        ("name", "clusterType", "replicationSpecs"),
        201,
    ),
    Operation("deleteCluster", "DELETE", _ONE, ("2023-01-01", "2023-02-01"), (OWNER,), status=202),
    Operation(
        "getBackupSchedule", "GET", _BACKUP + "/schedule", ("2023-01-01", "2024-08-05"), (BACKUPS,), SCHEDULE
    ),
    Operation("listBackupSnapshots", "GET", _BACKUP + "/snapshots", ("2023-01-01",), (BACKUPS,), PAGE),
    Operation("listBackupRestoreJobs", "GET", _BACKUP + "/restoreJobs", ("2023-01-01",), (BACKUPS,), PAGE),
    Operation(
        "getBackupRestoreJob", "GET", _BACKUP + "/restoreJobs/{jobId}", ("2023-01-01",), (BACKUPS,), JOB
    ),
    Operation(
        "createBackupRestoreJob",
        "POST",
        _BACKUP + "/restoreJobs",
        ("2023-01-01",),
        (BACKUPS,),
        JOB,
        {
            "deliveryType": str,
            "targetClusterName": str,
            "targetGroupId": str,
            "snapshotId": str,
            "pointInTimeUTCSeconds": int,
            "oplogTs": int,
            "oplogInc": int,
        },
        ("deliveryType",),
    ),
)
