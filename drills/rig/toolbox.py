"""A container beside the stack with tools and named capabilities: for what no exec inside a host can do."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING

from agent.errors import EngineMissing
from drills.rig import images
from drills.rig.adapt import LABEL, STACK_LABEL
from drills.rig.engine import Engine
from drills.rig.host import StackHost

if TYPE_CHECKING:
    from docker.models.containers import Container

LOOP_RULES = ("b 7:* rmw", "c 10:237 rmw")  # loop devices, and the one that hands them out
DISKS = "/disks"

_LET_GO = """
for file in /sys/block/loop*/loop/backing_file; do
    [ -e "$file" ] || continue
    case "$(cat "$file")" in
        *"$1"*) loop=${file#/sys/block/}; losetup -d "/dev/${loop%%/*}" ;;
    esac
done
"""


def start(engine: Engine, stack: str, volumes: Mapping[str, str]) -> StackHost:
    """Start a toolbox that can make and mount loop devices, and return it; `volumes` maps name to folder.

    Raises:
        EngineMissing: its image is not built, or the engine does not grant such a container.
    """
    from docker.errors import APIError

    mounts = {"/dev": {"bind": "/dev", "mode": "rw"}}  # loop devices appear there as they are made
    mounts |= {name: {"bind": folder, "mode": "rw"} for name, folder in volumes.items()}
    try:
        container: Container = engine.client.containers.run(
            engine.image_of(images.TOOLBOX),
            ["sleep", "infinity"],
            name=f"{stack}-toolbox-{secrets.token_hex(3)}",
            detach=True,
            init=True,
            network_mode="none",
            cap_add=["SYS_ADMIN"],
            security_opt=["apparmor=unconfined"] if engine.traits.apparmor else [],
            device_cgroup_rules=list(LOOP_RULES),
            volumes=mounts,
            labels={LABEL: "1", STACK_LABEL: stack, "drillyard.toolbox": "1"},
        )
    except APIError as error:
        raise EngineMissing(
            f"Expected a container with SYS_ADMIN and loop devices, the engine refused: {error.explanation}",
            do="Drills that need a disk of their own cannot run on this engine.",
        ) from None
    return StackHost("toolbox", container, {})


def file_of(engine: Engine, name: str) -> bytes:
    """Return the one file of the toolbox below /usr/lib that fits `name`, as a shell pattern."""
    said = engine.client.containers.run(
        engine.image_of(images.TOOLBOX),
        # An engine keeps what a container says as text, and makes bytes that are none into something else.
        ["sh", "-c", f"base64 /usr/lib/{name}"],
        network_mode="none",
        remove=True,
        labels={LABEL: "1"},
    )
    return base64.b64decode(said)


def let_go(toolbox: StackHost, name: str) -> None:
    """Detach every loop device whose image file has `name` in it; one still mounted goes with its mount."""
    toolbox.exec("sh", "-ec", _LET_GO, "sh", name)
