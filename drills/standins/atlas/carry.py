"""What the stand-in's restore means for a real database: our own engine restores, from a capture's store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pymongo import MongoClient

Job = Mapping[str, Any]
_OURS = "drillyard"
_KEPT = ("admin", "config", "local", _OURS)


def by_capture(
    store: Path, addresses: Mapping[str, str], *, to_the_end: bool = False, within: float = 600.0
) -> Callable[[Job], None]:
    """Return what carries a job out: its moment, from the capture in `store`, into the cluster it names.

    `addresses` has the connection string of an administrator for each cluster. As Atlas does, it empties the
    target first; and it leaves no note of a restore there, as Atlas leaves none. Whether a whole second means
    its beginning or its end the schema does not say: `to_the_end` decides.
    """

    def carry(job: Job) -> None:
        into = addresses[str(job["targetClusterName"])]
        with MongoClient[dict[str, Any]](into) as client:
            held = [name for name in client.list_database_names() if name not in _KEPT]
            spec = {
                "store": str(store),
                "host": "atlas",
                "at": moment_of(job, to_the_end=to_the_end),
                "replace": held,
                "attempt": str(job["id"]),
                "workers": 1,
            }
            done = subprocess.run(
                [sys.executable, "-m", "agent.pitr", "restore"],
                input=json.dumps(spec),
                env={**os.environ, "DRILLYARD_MONGODB_INTO": into},
                capture_output=True,
                text=True,
                timeout=within,
                check=False,
            )
            if done.returncode:
                raise RuntimeError(done.stderr.strip() or done.stdout.strip())
            client[_OURS].drop_collection("restore")

    return carry


def moment_of(job: Job, *, to_the_end: bool) -> str:
    """Return a job's moment as SECS,INC."""
    if "oplogTs" in job:
        return f"{job['oplogTs']},{job['oplogInc']}"
    return f"{job['pointInTimeUTCSeconds'] + to_the_end},0"
