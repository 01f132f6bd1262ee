"""Copies removed from an S3 bucket, by a key of its own: the one that sends them cannot. Versions stay."""

from __future__ import annotations

import json
import sys
from typing import Any

from agent.payload.bucket import client_of, told
from agent.payload.durable import Refuse


def remove(client: Any, spec: dict[str, Any]) -> str:
    """Remove objects by name, in the order given; where the bucket keeps versions these are still there."""
    for key in spec["keys"]:
        # Never a version: what is removed here by mistake, or by a thief, is brought back from it.
        client.delete_object(Bucket=spec["bucket"], Key=key)
    return f"{len(spec['keys'])}\n"


def main(argv: list[str]) -> int:
    """Do what the spec says; what is refused is a sentence and code 1."""
    spec = json.loads(argv[0])
    try:
        sys.stdout.write(remove(client_of(spec), spec))
    except Refuse as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Exception as error:  # noqa: BLE001 - boto3's errors are known only once it is there
        sys.stderr.write(f"{spec['bucket']} at {spec['endpoint'] or 'AWS'}: {told(error)}\n")
        return 1
    return 0
