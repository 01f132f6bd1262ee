"""RefServer on its host: its container, mount, room, owners and helpers; what is wrong, and what mends it.

In the inventory, beside what `agent/at_rest` reads: `memory` (what the container may use, as docker has it:
512m), `lock` (the file that says which machine uses the data), `logs` (folders of logs below the data
folder), `reserve_mb` (room below which the service takes nothing in).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from agent.errors import BadInventory, NoRoom, StepFailed
from agent.inventory.model import Service
from agent.payload.bundle import program
from agent.systems.refserver.standing import PAGES, Container, Standing, judge
from agent.transport.ask import Action, Done, Note, Sh

KEEP_OF_LOGS = 1 << 20
"""Bytes of each log that are left where room has to be made."""
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_INSPECT = (
    '{"state":{{json .State.Status}},"code":{{.State.ExitCode}},"oom":{{.State.OOMKilled}},'
    '"restarts":{{.RestartCount}},"memory":{{.HostConfig.Memory}},"name":{{json .Config.Hostname}}}'
)
_RUNNING = 'docker ps --quiet | xargs --no-run-if-empty docker inspect --format "{{.Config.Hostname}}"'
_ASIDE = 'mv -- "$1" "$1.drillyard-$(date -u +%Y%m%dT%H%M%SZ)"'
_MOUNT = 'mountpoint -q "$1" || mount "$1"; mountpoint -q "$1"'


@dataclass(frozen=True)
class Hosted:
    """A RefServer as its host has it."""

    service: Service
    data_dir: str
    backup_dir: str
    owner: str
    health: str
    memory: int
    lock: str
    logs: tuple[str, ...]
    reserve: int
    python: str

    @classmethod
    def of(cls, service: Service) -> Hosted:
        """Read the settings of an inventory's service.

        Raises:
            BadInventory: a setting is missing or has the wrong type.
        """
        data_dir = service.text("data_dir", "/data").rstrip("/")
        return cls(
            service,
            data_dir,
            service.text("backup_dir", f"{data_dir}/backups").rstrip("/"),
            service.text("owner", "1000:1000"),
            service.text("health", "http://127.0.0.1:8060/health"),
            _bytes(service, service.text("memory", "")),
            service.text("lock", "refserver.lock"),
            tuple(service.text("logs", "logs").split()),
            service.number("reserve_mb", 16) << 20,
            service.text("python", "python3"),
        )

    @property
    def host(self) -> str:
        """The host that serves it."""
        return self.service.host

    def run(self, name: str, spec: Mapping[str, Any], **options: Any) -> Sh:
        """Return the ask that has a payload program do what `spec` says, as root."""
        place = {"data": self.data_dir, "owner": self.owner, "backups": self.backup_dir}
        words = msgspec.json.encode({**place, "logs": self.logs, **spec}).decode()
        return Sh(self.python, "-I", "-", words, stdin=program(name), sudo=True, timeout=600, **options)


def look(hosted: Hosted) -> Action[Standing]:
    """Look at everything that can tell why users are not served, and name the cause."""
    found = yield from container(hosted)
    done: Done = yield hosted.run("data_facts", {"health": hosted.health, "lock": hosted.lock})
    facts = msgspec.json.decode(done.out)
    running: tuple[str, ...] = ()
    if facts["lock"] and facts["lock"] != found.name:
        named: Done = yield Sh(_RUNNING, script=True, sudo=True)
        running = tuple(named.text.split())
    standing = judge(found, facts, running, memory=hosted.memory, reserve=hosted.reserve)
    if standing.cause:
        yield Note(f"{hosted.host}: {standing.cause}: {'; '.join(standing.reasons)}")
    return standing


def container(hosted: Hosted) -> Action[Container]:
    """Ask the engine how the container is; under another supervisor nothing is known of it."""
    if hosted.service.supervisor != "docker":
        return Container("running")
    done: Done = yield Sh(
        *("docker", "container", "inspect", "--format", _INSPECT, hosted.service.unit), sudo=True
    )
    return msgspec.json.decode(done.out, type=Container)


def insist(hosted: Hosted, cause: str, among: Sequence[str], reasons: Sequence[str] = ()) -> Action[None]:
    """End the run where another page helps against the cause that was found.

    Raises:
        StepFailed: the cause is none of those; the sentence names the page.
    """
    if cause and cause not in among:
        yield Note(f"{hosted.host}: this page helps against {', '.join(among)}")
        page = PAGES.get(cause, "")
        raise StepFailed(
            f"{hosted.host}: expected one of {', '.join(among)}, found {cause}: {'; '.join(reasons)}.",
            do=f"Run the page {page}." if page else "A person has to look.",
        )


def fix_memory(hosted: Hosted) -> Action[None]:
    """Give the container the memory that the inventory says it may use."""
    limit = str(hosted.memory)
    yield Sh(
        *("docker", "update", "--memory", limit, "--memory-swap", limit, hosted.service.unit),
        sudo=True,
        changes=f"lets {hosted.service.unit} use {hosted.memory >> 20} MB",
        again="safe",
    )


def free_lock(hosted: Hosted) -> Action[None]:
    """Put the lock that a machine left which is no more aside; one of a machine that runs stays."""
    standing = yield from look(hosted)
    if standing.lock_held:
        raise StepFailed(
            f"{hosted.host}: expected nobody to use {hosted.data_dir}, found that {standing.lock} runs.",
            do="Stop that container first: two on one folder would ruin it.",
        )
    path = f"{hosted.data_dir}/{hosted.lock}"
    yield Sh(_ASIDE, path, script=True, sudo=True, changes=f"puts {path} aside", again="ask")


def fix_owner(hosted: Hosted) -> Action[str]:
    """Give every file that its owner cannot use, or others may write, back to him, 644 and 755, no backup."""
    done: Done = yield hosted.run(
        "data_mend",
        {"do": "owner"},
        changes=f"gives the files below {hosted.data_dir} back to {hosted.owner}",
        again="safe",
        supposing=Done(0, b'{"changed":0,"first":[]}'),
    )
    said = msgspec.json.decode(done.out)
    return f"{said['changed']} given back: {', '.join(said['first'])}"


def mount_data(hosted: Hosted) -> Action[None]:
    """Mount the data folder again as the host's fstab has it.

    Raises:
        StepFailed: it could not be mounted; the sentence has mount's own words.
    """
    done: Done = yield Sh(
        *(_MOUNT, hosted.data_dir),
        script=True,
        sudo=True,
        ok=(0, 1, 32),
        changes=f"mounts {hosted.data_dir}",
        again="safe",
        supposing=Done(0),
    )
    if done.rc:
        raise StepFailed(
            f"{hosted.host}: expected {hosted.data_dir} to be mounted, found: {done.complaint}.",
            do="Look at the disk: dmesg, lsblk. Where it is lost, the page host_lost restores from off-site.",
        )


def reclaim_logs(hosted: Hosted) -> Action[int]:
    """Keep the newest megabyte of each log and remove those that were rotated; return the bytes freed."""
    done: Done = yield hosted.run(
        "data_mend",
        {"do": "logs", "keep": KEEP_OF_LOGS},
        changes=f"cuts the logs below {hosted.data_dir} to their newest {KEEP_OF_LOGS >> 20} MB",
        again="safe",
        supposing=Done(0, b'{"freed":0}'),
    )
    return int(msgspec.json.decode(done.out)["freed"])


def prove_room(hosted: Hosted) -> Action[None]:
    """Prove that the service has room again.

    Raises:
        NoRoom: what policy allows was not enough; the sentence says what takes the room.
    """
    standing = yield from look(hosted)
    if standing.free < hosted.reserve:
        backups, logs = standing.backups_bytes >> 20, standing.logs_bytes >> 20
        raise NoRoom(
            f"{hosted.host}: expected {hosted.reserve >> 20} MB of room in {hosted.data_dir}, found "
            f"{standing.free >> 20} of {standing.size >> 20} MB; backups take {backups} MB, logs {logs} MB.",
            do="Nothing else is ours to remove: free some space by hand, or grow the volume.",
        )


def _bytes(service: Service, said: str) -> int:
    found = re.fullmatch(r"(\d+)([bkmg]?)", said.lower())
    if said and not found:
        raise BadInventory(
            f"{service.at}: memory of {service.system} on {service.host} should be like 512m, found {said!r}."
        )
    return int(found[1]) * _UNITS[found[2]] if found else 0
