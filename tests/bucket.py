"""S3 endpoints of the tests: moto's server, and rclone's `serve s3` where the machine has rclone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import free_port

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY"
_quiet = threading.Event()


@dataclass(frozen=True)
class Endpoint:
    """An endpoint at `url`; what is asked here goes past the agent."""

    url: str
    versions: bool

    def client(self, service: str = "s3", key_id: str = KEY_ID, secret: str = SECRET) -> Any:
        """A client with full rights, or with those of that key."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            config=Config(
                s3={"addressing_style": "path"},
                request_checksum_calculation="when_required",
                retries={"max_attempts": 1},
            ),
        )

    def bucket(self, name: str, *, lock: bool = False, versions: bool = True) -> str:
        """Make a bucket, with versions where the endpoint knows them."""
        client = self.client()
        client.create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if lock else {}))
        if self.versions and versions:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    def keys(self, bucket: str) -> list[str]:
        """The names of what a user would see there."""
        listed = self.client().list_objects_v2(Bucket=bucket)
        return sorted(each["Key"] for each in listed.get("Contents", []))


def settings(endpoint: Endpoint, bucket: str, folder: Path, **more: Any) -> dict[str, Any]:
    """What a service's inventory says of that bucket; the secrets lie in `folder`."""
    from agent.secrets import Secret

    files = {"s3_key_id": more.pop("key_id", KEY_ID), "s3_secret": more.pop("secret", SECRET)}
    for name, text in files.items():
        (folder / name).write_text(f"{text}\n")
    secrets = {name: Secret("file", str(folder / name), "tests") for name in files}
    own = {"ship_to": [f"s3://{bucket}/copies"], "s3_endpoint": endpoint.url, "s3_python": sys.executable}
    return {**own, **secrets, **more}


@contextmanager
def moto() -> Iterator[Endpoint]:
    """moto's server in a process of its own: its rights are one setting for all of it."""
    port = free_port()
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _serving(words, port):
        yield Endpoint(f"http://127.0.0.1:{port}", versions=True)


@contextmanager
def rclone(folder: Path) -> Iterator[Endpoint]:
    """rclone on real files below `folder`, with real signatures and no versions."""
    port = free_port()
    words = [rclone_here(), "serve", "s3", "--addr", f"127.0.0.1:{port}", str(folder)]
    with _serving(words, port, RCLONE_AUTH_KEY=f'"{KEY_ID},{SECRET}"'):
        yield Endpoint(f"http://127.0.0.1:{port}", versions=False)


def rclone_here() -> str:
    """The machine's rclone; empty where it has none."""
    return shutil.which("rclone") or shutil.which("rclone", path=str(Path(sys.executable).parent)) or ""


def rights_from(endpoint: Endpoint, after: float) -> None:
    """Have moto hold every request to its key's rights once so many have been made (inf = never)."""
    place, plain = f"{endpoint.url}/moto-api/reset-auth", {"Content-Type": "text/plain"}
    asked = urllib.request.Request(place, data=str(after).encode(), headers=plain)
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(asked, timeout=60).close()


@contextmanager
def _serving(words: list[str], port: int, **env: str) -> Iterator[None]:
    process = subprocess.Popen(
        words, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not _answers(port):
            assert process.poll() is None, "the endpoint ended"
            _quiet.wait(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
