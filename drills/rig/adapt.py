"""A plain compose file turned into what this engine can start: pure, from Compose's own reading of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import StepFailed
from drills.rig.images import REPOSITORY

LABEL = "drillyard"
STACK_LABEL = "drillyard.stack"
INIT_LABEL = "drillyard.init"
STANDIN_LABEL = "drillyard.standin"

_USED = ("networks", "volumes", "secrets", "configs")

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


def folders_in(config: Config, parent: Path) -> list[Path]:
    """Return the folders below `parent` that services have as volumes: they must be there before."""
    binds = [
        Path(str(volume["source"]))
        for service in config["services"].values()
        for volume in service.get("volumes") or []
        if isinstance(volume, dict) and volume.get("type") == "bind"
    ]
    return sorted({path for path in binds if path.is_relative_to(parent)})


def environment_secrets(config: Config) -> dict[str, str]:
    """Return the secrets that come from an environment variable: their name, and the variable's."""
    secrets: dict[str, Any] = config.get("secrets") or {}
    return {name: str(secret["environment"]) for name, secret in secrets.items() if "environment" in secret}


def only(config: Config, services: Collection[str]) -> Config:
    """Return the config with these services alone, and with what they use: the rest is not made at all.

    Raises:
        StepFailed: it has no such service.
    """
    every = config["services"]
    if unknown := [name for name in services if name not in every]:
        raise StepFailed(f"Expected services of {', '.join(every)}, found {', '.join(unknown)}.")
    kept: Config = {**config, "services": {name: every[name] for name in every if name in services}}
    for kind in _USED:
        if kind in config:
            used = {name for service in kept["services"].values() for name in _uses(service, kind)}
            kept[kind] = {name: entry for name, entry in (config[kind] or {}).items() if name in used}
    return kept


def _uses(service: Config, kind: str) -> list[str]:
    listed = service.get(kind) or []
    return [
        str(each["source"]) if isinstance(each, dict) and "source" in each else str(each) for each in listed
    ]


def standins(config: Config) -> tuple[str, ...]:
    """Return what services are not the real thing, each once, in the file's order.

    A service whose label `drillyard.standin` says of what it is a stand-in is one where the image that it is
    built from is ours, and none where an image of the user's own is in that place.
    """
    said = {}
    for service in config["services"].values():
        image = service.get("image") or f"{REPOSITORY}/"
        words = (service.get("labels") or {}).get(STANDIN_LABEL)
        if words and image.startswith(f"{REPOSITORY}/"):
            said[words] = True
    return tuple(said)


def adapt(config: Config, wanted: Wanted, image_of: Callable[[Path], str]) -> Config:
    """Return the config that is started: our labels, ports and images, and what the engine needs.

    A service with `build` gets the image that `image_of` names for its context, unless it names an image of
    its own, as `image: ${MONGO_IMAGE:-}` does where that is set. A service labelled
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
        if (build := service.pop("build", None)) and not service.get("image"):
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
