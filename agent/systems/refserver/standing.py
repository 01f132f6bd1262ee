"""Why a RefServer does not serve, judged from what its host shows; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import json

PAGES = {
    "mount-lost": "mount_lost",
    "disk-full": "disk_full",
    "permissions": "permissions",
    "lock-left": "container_crash",
    "out-of-memory": "container_crash",
    "crashed": "container_crash",
    "hangs": "container_crash",
    "stopped": "container_crash",
    "dependency-down": "dependency_down",
}
"""The page that helps, by cause."""
HELPERS = ("ollama", "huridocs")
_BY_REQUEST = (0, 130, 143)
"""Codes of a process that was asked to end, and did."""


@dataclass(frozen=True)
class Container:
    """One container as its engine describes it; `memory` is its limit in bytes (0 = none)."""

    state: str
    code: int = 0
    oom: bool = False
    restarts: int = 0
    memory: int = 0
    name: str = ""


@dataclass(frozen=True)
class Standing:
    """How it stands: the cause of its trouble ("" = none), the reasons, and what was seen.

    `helpers` are those that are down, `waiting` is how many uploads wait for them. `lock` is the machine
    whose lock lies in the data folder, `lock_held` whether that is another one that runs. Room in bytes.
    """

    cause: str
    reasons: tuple[str, ...]
    serves: bool
    helpers: tuple[str, ...]
    waiting: int
    mounted: bool
    foreign: int
    lock: str
    lock_held: bool
    free: int
    size: int
    logs_bytes: int
    backups_bytes: int
    restarts: int
    too_little_memory: bool


def judge(
    container: Container,
    facts: Mapping[str, Any],
    running: Collection[str] = (),
    *,
    memory: int = 0,
    reserve: int = 0,
) -> Standing:
    """Name the cause: what lies deepest first, as what is above it cannot be judged before that is mended.

    `running` are the names of the machines that run, `memory` what the container should have, in bytes.
    """
    health = facts["health"]
    said = _said(health["body"])
    helpers = tuple(name for name in HELPERS if said.get("dependencies", {}).get(name, {}).get("ok") is False)
    too_little = bool(memory and container.memory and container.memory < memory)
    found = list(_causes(container, facts, helpers, running, too_little=too_little, reserve=reserve))
    cause = found[0][0] if found else ""
    return Standing(
        cause=cause,
        reasons=tuple(why for name, why in found if name == cause),
        serves=health["status"] == 200,
        helpers=helpers,
        waiting=int(said.get("queue") or 0),
        mounted=facts["mounted"],
        foreign=facts["foreign"],
        lock=facts["lock"],
        lock_held=facts["lock"] != container.name and facts["lock"] in running,
        free=facts["free"],
        size=facts["size"],
        logs_bytes=facts["logs_bytes"],
        backups_bytes=facts["backups_bytes"],
        restarts=container.restarts,
        too_little_memory=too_little,
    )


def _causes(
    container: Container,
    facts: Mapping[str, Any],
    helpers: Collection[str],
    running: Collection[str],
    *,
    too_little: bool,
    reserve: int,
) -> Iterator[tuple[str, str]]:
    if facts["known_mount"] and not facts["mounted"]:
        yield "mount-lost", "fstab has a file system for the data folder, and none is mounted there"
    if facts["free"] < reserve:
        yield "disk-full", f"{facts['free'] >> 20} of {facts['size'] >> 20} MB are left"
    if facts["foreign"]:
        first = ", ".join(facts["foreign_first"])
        yield "permissions", f"{facts['foreign']} files are not its own alone to write, nor to read: {first}"
    yield from _of_container(container, facts, running, too_little=too_little)
    if helpers:
        yield "dependency-down", f"{', '.join(helpers)} down, by its own health check"
    if facts["health"]["status"] != 200:
        answer = facts["health"]
        yield "refuses", (answer["body"] or answer["detail"])[:200]


def _of_container(
    container: Container, facts: Mapping[str, Any], running: Collection[str], *, too_little: bool
) -> Iterator[tuple[str, str]]:
    # In a restart loop it runs for a moment, answers nobody and has no name in the network.
    if container.state == "running" and not facts["health"]["trouble"]:
        return
    if facts["lock"] and facts["lock"] != container.name:
        alive = " and runs" if facts["lock"] in running else ", which runs no more"
        yield "lock-left", f"the data folder is locked by {facts['lock']}{alive}"
    if container.oom or too_little:
        limit = f"its limit is {container.memory >> 20} MB" if container.memory else "it has no limit"
        killed = "the kernel ended it for memory" if container.oom else "it may use less than it should"
        yield "out-of-memory", f"{killed}; {limit}; {container.restarts} restarts"
    if container.state in ("exited", "dead", "created") and container.code in _BY_REQUEST:
        yield "stopped", f"it is {container.state}, and was asked to end (code {container.code})"
    elif container.state == "running" and facts["health"]["trouble"] == "timeout":
        yield "hangs", f"it runs and answers nobody, {container.restarts} restarts"
    elif not too_little:
        yield "crashed", f"it is {container.state}, code {container.code}, {container.restarts} restarts"


def _said(body: str) -> dict[str, Any]:
    try:
        said = json.decode(body.encode())
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
