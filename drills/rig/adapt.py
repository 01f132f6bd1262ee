"""A plain compose file turned into what this engine can start: pure, from Compose's own reading of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LABEL = "drillyard"
STACK_LABEL = "drillyard.stack"
INIT_LABEL = "drillyard.init"

Config = dict[str, Any]  # Compose's model as `docker compose config --format json` prints it


@dataclass(frozen=True)
class Traits:
    """What differs between engines, as `docker info` says it."""

    cgroup: int = 2
    apparmor: bool = False
    selinux: bool = False


@dataclass(frozen=True)
class Wanted:
    """What one start of a stack asks for.

    `ports` maps (service, container port) to a port of 127.0.0.1; `devices` maps a volume's name to the
    block device with an ext4 file system that it shall be.
    """

    project: str
    ports: Mapping[tuple[str, int], int]
    traits: Traits = Traits()
    devices: Mapping[str, str] = field(default_factory=dict)


def wanted_ports(config: Config) -> list[tuple[str, int]]:
    """Return every (service, container port) that the compose file publishes, in its order."""
    return [
        (name, int(port["target"]))
        for name, service in config.get("services", {}).items()
        for port in service.get("ports") or []
    ]


def environment_secrets(config: Config) -> dict[str, str]:
    """Return the secrets that come from an environment variable: their name, and the variable's."""
    secrets: dict[str, Any] = config.get("secrets") or {}
    return {name: str(secret["environment"]) for name, secret in secrets.items() if "environment" in secret}


def adapt(config: Config, wanted: Wanted, image_of: Callable[[Path], str]) -> Config:
    """Return the config that is started: our labels, ports and images, and what the engine needs.

    A service with `build` gets the image that `image_of` names for its context. A service labelled
    `drillyard.init: systemd` gets what systemd needs to be PID 1.
    """
    ready: Config = copy.deepcopy(config)
    ready["name"] = wanted.project
    labels = {LABEL: "1", STACK_LABEL: wanted.project}
    for kind in ("networks", "volumes"):
        for name, entry in (ready.get(kind) or {}).items():
            ready[kind][name] = _own(entry or {}, labels)
    for name, service in ready["services"].items():
        service["labels"] = {**(service.get("labels") or {}), **labels}
        if build := service.pop("build", None):
            service["image"] = image_of(Path(build["context"]))
            service["pull_policy"] = "never"
        if "ports" in service:
            service["ports"] = [_port(name, port, wanted.ports) for port in service["ports"]]
        if service["labels"].get(INIT_LABEL) == "systemd":
            _systemd(service, wanted.traits)
    for volume, device in wanted.devices.items():
        ready["volumes"][volume] |= {
            "driver": "local",
            "driver_opts": {"type": "ext4", "device": device},
        }
    return ready


def _own(entry: Config, labels: Mapping[str, str]) -> Config:
    if entry.get("external"):
        return entry
    # Without a name of its own it is named after the project, so stacks side by side stay apart.
    return {key: value for key, value in entry.items() if key != "name"} | {
        "labels": {**(entry.get("labels") or {}), **labels}
    }


def _port(service: str, port: Config, ports: Mapping[tuple[str, int], int]) -> Config:
    target = int(port["target"])
    return {
        "target": target,
        "published": str(ports[service, target]),
        "host_ip": "127.0.0.1",
        "protocol": port.get("protocol", "tcp"),
    }


def _systemd(service: Config, traits: Traits) -> None:
    service["cap_add"] = sorted({*(service.get("cap_add") or []), "SYS_ADMIN"})
    service["tmpfs"] = [*(service.get("tmpfs") or []), "/run", "/run/lock"]
    if traits.cgroup == 1:
        service["cgroup"] = "host"
        service["volumes"] = [
            *(service.get("volumes") or []),
            {"type": "bind", "source": "/sys/fs/cgroup", "target": "/sys/fs/cgroup"},
        ]
    else:
        service["cgroup"] = "private"
    options = [*(service.get("security_opt") or [])]
    if traits.apparmor:
        options.append("apparmor=unconfined")
    if traits.selinux:
        options.append("label=disable")
    if options:
        service["security_opt"] = options
