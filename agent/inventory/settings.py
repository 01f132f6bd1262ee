"""Every setting that one of our systems, supervisors, providers or backups reads of a service."""

from __future__ import annotations

import difflib

_NEAR = 0.75
_SUPERVISORS = (
    *("sudo", "project_dir", "file", "project", "env_file"),
    *("kubeconfig", "context", "namespace", "kind", "replicas", "container"),
)
_OF_A_PROVIDER = (
    *("project", "cluster", "spare", "client_id", "client_secret", "public_key", "private_key", "api"),
    *("cloud", "region", "tier", "nodes", "every"),
)
_PROVIDERS = (
    *_OF_A_PROVIDER,
    *("aws_secret_id", "aws_region", "aws_endpoint", "aws_profile"),
    *("aws_access_key_id", "aws_secret_access_key"),
)
_BACKUPS = (
    *("backup_dir", "keep", "alarm", "load", "encrypt_to", "identity"),
    *("ship_to", "ship_port", "ship_key", "ship_known_hosts", "ship_prune_key"),
    *("s3_endpoint", "s3_region", "s3_key_id", "s3_secret", "s3_python", "s3_lock_days", "s3_lock_mode"),
    *("s3_prune_key_id", "s3_prune_secret"),
)
_SYSTEMS = (
    *("python", "data_dir", "container_dir", "health", "seconds", "user", "owner", "mode"),
    *("port", "address", "socket", "password", "programs", "aof_dir", "aof_name", "rdb_name"),
    *("login", "tls", "tls_authority", "tls_certificate", "tls_key"),
    *("uri", "app_uri", "spare_uri", "spare_app_uri", "capture_unit", "indexes", "workers"),
    *("seal_every", "base_every", "keep_days"),
    *("database", "chroma", "chroma_python", "files", "queue", "link", "pause"),
    *("continuous", "continuous_dir", "litestream", "memory", "lock", "logs", "reserve_mb"),
    *("authority", "slow", "needs", "releases", "current", "fresh", "certificate", "renew"),
    *("checks", "disks"),
)
KNOWN = frozenset((*_SUPERVISORS, *_PROVIDERS, *_BACKUPS, *_SYSTEMS))


def meant(key: str, *, provided: bool = False) -> str:
    """Return the setting that one nobody of ours reads is a misspelling of, or "".

    A default in the place of a misspelt setting looks elsewhere than the service is: its data seem lost. What
    resembles none of ours may be read by an action of your own.
    """
    if key in KNOWN:
        return ""
    names = KNOWN if provided else KNOWN.difference(_OF_A_PROVIDER)
    return next(iter(difflib.get_close_matches(key, sorted(names), n=1, cutoff=_NEAR)), "")
