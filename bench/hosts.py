"""Hosts to measure on: containers with sshd and python3, alike and side by side, gone when the block ends."""

from __future__ import annotations

import contextlib
import io
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

LABEL = {"drillyard": "1", "drillyard.bench": "1"}
NAME = "drillyard/bench_host"
DOCKERFILE = b"""
FROM debian:bookworm-slim
LABEL drillyard=1
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-server python3 \\
 && rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* && mkdir -p /run/sshd
CMD ["/usr/sbin/sshd", "-D", "-e", "-o", "HostKey=/keys/host_key", \\
     "-o", "AuthorizedKeysFile=/keys/authorized", \\
     "-o", "StrictModes=no", "-o", "PasswordAuthentication=no", "-o", "MaxStartups=100", "-o", "UsePAM=no"]
"""


@dataclass(frozen=True)
class Target:
    """A host as every tool is told of it."""

    name: str
    address: str
    port: int
    user: str
    key: str
    known: str

    def data(self) -> dict[str, Any]:
        """The same as JSON data."""
        return asdict(self)


@contextlib.contextmanager
def keys(folder: Path) -> Iterator[Path]:
    """Make a host key for all hosts and a user key for us in `folder`."""
    for name in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_bytes((folder / "user_key.pub").read_bytes())
    yield folder


@contextlib.contextmanager
def containers(count: int, folder: Path) -> Iterator[list[Target]]:
    """Run `count` hosts; keys and known_hosts lie in `folder`, which must be one the engine can mount."""
    import docker

    client = docker.from_env()
    crew = secrets.token_hex(3)
    tag = f"{NAME}:{crew}"  # our own: who ends first takes no image away from another
    client.images.build(fileobj=io.BytesIO(DOCKERFILE), tag=tag, rm=True)

    def start(n: int) -> Any:
        return client.containers.run(
            tag,
            name=f"drillyard-bench-{crew}-{n}",
            labels=LABEL,
            detach=True,
            init=True,
            network_mode="bridge",
            volumes={str(folder): {"bind": "/keys", "mode": "ro"}},
        )

    started: list[Any] = []
    try:
        with keys(folder), ThreadPoolExecutor(2) as pool:
            started += pool.map(start, range(1, count + 1))
        yield [_target(n, container, folder) for n, container in enumerate(started, start=1)]
    finally:
        with ThreadPoolExecutor(2) as pool:
            for container in client.containers.list(all=True, filters={"name": f"drillyard-bench-{crew}-"}):
                pool.submit(container.remove, force=True)
        client.images.remove(tag, force=True)
        client.close()


def _target(n: int, container: Any, folder: Path) -> Target:
    end = time.monotonic() + 30
    while True:
        container.reload()
        address = container.attrs["NetworkSettings"]["IPAddress"]
        with contextlib.suppress(OSError), socket.create_connection((address, 22), 1) as probe:
            if probe.recv(4) == b"SSH-":
                break
        if time.monotonic() > end:
            raise RuntimeError(f"sshd did not start in {container.name}: {container.logs()!r}")
        time.sleep(0.05)
    public = " ".join((folder / "host_key.pub").read_text().split()[:2])
    with (folder / "known_hosts").open("a") as known:
        known.write(f"{address} {public}\n")
    return Target(f"h{n}", address, 22, "root", str(folder / "user_key"), str(folder / "known_hosts"))
