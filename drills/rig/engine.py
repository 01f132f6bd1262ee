"""The container engine a drill runs on: found, asked what it can do, and reached through docker's SDK."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.errors import EngineMissing
from drills.rig import compose, images
from drills.rig.adapt import LABEL, STACK_LABEL, Traits
from drills.rig.endpoint import Endpoint, find

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True)
class Engine:
    """One reachable engine; `info` is its own `docker info`."""

    endpoint: Endpoint
    client: DockerClient
    info: dict[str, Any]

    @property
    def traits(self) -> Traits:
        """What a systemd container must be given here."""
        security = " ".join(self.info.get("SecurityOptions") or [])
        return Traits(
            cgroup=int(self.info.get("CgroupVersion") or 1),
            apparmor="name=apparmor" in security,
            selinux="name=selinux" in security,
        )

    def versions(self) -> dict[str, str]:
        """Return what the evidence says of the engine: names and versions, no secret and no host name."""
        return {
            "engine": str(self.info.get("ServerVersion", "")),
            "engine_api": str(self.client.api.api_version),
            "engine_os": str(self.info.get("OperatingSystem", "")),
            "kernel": str(self.info.get("KernelVersion", "")),
            "cgroup": str(self.traits.cgroup),
            "storage": str(self.info.get("Driver", "")),
            "cpus": str(self.info.get("NCPU", "")),
            "compose": compose.find().version,
        }

    def stacks_running(self) -> int:
        """Return how many of our stacks run on this engine now: side by side they slow each other down."""
        running = self.client.containers.list(filters={"label": STACK_LABEL})
        return len({container.labels[STACK_LABEL] for container in running})

    def image_of(self, context: Path) -> str:
        """Return the tag of the image built from that folder's present content.

        Raises:
            EngineMissing: it has not been built yet.
        """
        from docker.errors import ImageNotFound

        tag = images.tag(context)
        try:
            self.client.images.get(tag)
        except ImageNotFound:
            raise EngineMissing(
                f"Expected the image {tag} (from {context.name}), found none on this engine.",
                do="Run `make setup`.",
            ) from None
        return tag


@functools.cache
def connect() -> Engine:
    """Return the engine that DOCKER_HOST, docker's context or the local socket leads to; asked once.

    Raises:
        EngineMissing: none answers there.
    """
    return connect_to(find(os.environ, Path.home()))


def connect_to(endpoint: Endpoint) -> Engine:
    """Return the engine at that address; raises like `connect`."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.DockerClient(
            base_url=endpoint.url,
            version="auto",
            timeout=10,
            tls=_tls(endpoint),
            use_ssh_client=endpoint.url.startswith("ssh://"),
        )
        info = client.info()
    # requests and paramiko leak errors of their own through the SDK; each means: nobody answers there.
    except (DockerException, OSError, ValueError) as error:
        raise EngineMissing(
            f"Expected a container engine at {endpoint.url} ({endpoint.why}), found none: {_first(error)}.",
            do="Run `make setup`, start your engine, or set DOCKER_HOST.",
        ) from None
    client.api.timeout = 60  # a container may take its time; whether anybody is there is known sooner
    return Engine(endpoint, client, info)


def _tls(endpoint: Endpoint) -> Any:
    if not endpoint.tls:
        return False
    from docker.tls import TLSConfig

    folder = Path(endpoint.tls)
    return TLSConfig(
        client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
        ca_cert=str(folder / "ca.pem") if (folder / "ca.pem").exists() else None,
        verify=endpoint.verify,
    )


def _first(error: BaseException) -> str:
    """Return the words of the system error at the bottom of the chain: the part a person can act on."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.strerror:
            return link.strerror
        link = link.__cause__ or link.__context__
    return str(error).strip().rstrip(".") or type(error).__name__


__all__ = ["LABEL", "STACK_LABEL", "Engine", "connect", "connect_to"]
