"""Whatever is wrong with what the agent is given: one sentence, its own exit code, and data untouched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.errors import (
    BackupDamaged,
    BadInventory,
    BadPage,
    DrillyardError,
    HostKeyRefused,
    LoginRefused,
    NoBackup,
    NoRoom,
    ServiceRefused,
    SudoRefused,
    Unreachable,
)
from drills.rig.fault import Scene, fault
from drills.rig.keys import make_key, make_password
from drills.rig.recovery import Agent, Said
from drills.rig.stack import Stack, StackHost, named

DATA = "/var/lib/redis"


@dataclass(frozen=True)
class World:
    """One stack for all of these, and the folder of the test."""

    stack: Stack
    folder: Path

    @property
    def host(self) -> StackHost:
        """The Redis host."""
        return self.stack.hosts["redis1"]

    def agent(self, *words: str, inventory: Path | None = None) -> Said:
        """Carry out a command of the agent on the stack, or on another inventory."""
        runs = ("--runs", str(self.folder / "runs"), "--json") if words[0] == "run" else ()
        return Agent(inventory or self.stack.inventory, self.folder).do(*words, *runs)

    def inventory(self, old: str, new: str) -> Path:
        """Return a copy of the stack's inventory with one thing in it replaced."""
        text = self.stack.inventory.read_text()
        assert text.count(old) == 1, old
        path = self.folder / "hosts.yml"
        path.write_text(text.replace(old, new))
        return path

    def state(self) -> str:
        """Return every file of the data folder by its hash, and the server's process."""
        files = f"find {DATA} -type f -exec sha256sum {{}} + | sort -k2"
        process = "systemctl show --property MainPID redis-server"
        return self.host.exec("sh", "-c", f"{files}; {process}").text

    def damage(self) -> None:
        """Damage the log, and wait until systemd has given up on the server."""
        scene = Scene(self.stack, self.host, "redis-server", DATA)
        fault("aof_tail_garbage").strike(scene)
        self.host.exec("sh", "-c", "until systemctl is-failed -q redis-server; do sleep 0.1; done")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The chat stack, its data on a disk that can be filled."""
    folder, disks = tmp_path_factory.mktemp("stack"), {"redis1-data": "ext4"}
    with Stack(named("chat"), folder, services=("redis1",), disks=disks) as up:
        yield up


@pytest.fixture
def world(stack: Stack, tmp_path: Path) -> World:
    """The stack, and a folder of the test's own."""
    return World(stack, tmp_path)


def _sentence(said: Said) -> str:
    """Return the sentence with which it ended: a run's own, or the command line's."""
    lines = said.out.strip().splitlines() if said.out.startswith("{") else []
    return str(json.loads(lines[-1])["sentence"]) if lines else said.err.strip()


def _refused(world: World, said: Said, error: type[DrillyardError], before: str, *found: str) -> None:
    """Hold an outcome against what was promised: code, one sentence with those words, nothing touched."""
    sentence = _sentence(said)
    assert said.rc == error.exit_code, said
    for words in found:
        assert words in sentence, sentence
    assert "Traceback" not in said.err
    assert world.state() == before


def test_a_changed_host_key(world: World) -> None:
    """The host answers with another key than the one we know: nobody logs in there."""
    key = make_key(world.folder / "other")
    known = world.folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{world.host.port(22)} {' '.join(key.split()[:2])}\n")
    inventory = world.inventory(str(world.stack.known_hosts), str(known))
    before = world.state()
    _refused(world, world.agent("run", "redis_aof", inventory=inventory), HostKeyRefused, before, "redis1")


def test_a_wrong_key(world: World) -> None:
    """The host does not know our key."""
    make_key(world.folder / "other")
    inventory = world.inventory(str(world.stack.private / "id_ed25519"), str(world.folder / "other"))
    before = world.state()
    _refused(world, world.agent("run", "redis_aof", inventory=inventory), LoginRefused, before, "redis1")


def test_an_unreachable_host(world: World) -> None:
    """Nobody listens there."""
    inventory = world.inventory(f"ansible_port: {world.host.port(22)}", "ansible_port: 1")
    before = world.state()
    _refused(world, world.agent("run", "redis_aof", inventory=inventory), Unreachable, before, "redis1")


def test_a_wrong_redis_password(world: World) -> None:
    """Redis does not accept the password; no sentence repeats it."""
    wrong = make_password(world.folder / "password")
    inventory = world.inventory(str(world.stack.private / "redis_password"), str(world.folder / "password"))
    before = world.state()
    said = world.agent("run", "redis_aof", inventory=inventory)
    _refused(world, said, ServiceRefused, before, "password")
    assert wrong not in said.out + said.err


def test_no_sudo(world: World) -> None:
    """The operator may log in and not act."""
    before = world.state()
    world.host.exec("mv", "/etc/sudoers.d/operator", "/var/tmp/operator")
    try:
        said = world.agent("run", "redis_aof")
    finally:
        world.host.exec("mv", "/var/tmp/operator", "/etc/sudoers.d/operator")
    _refused(world, said, SudoRefused, before, "redis1")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("all:", "all: [", "hosts.yml:"),
        ("port: 6379", "port: many", "hosts.yml:"),
        ("redis1:\n", "redis1: 5\n          redis2:\n", "hosts.yml:"),
    ],
    ids=["malformed", "wrong_type", "host_is_a_number"],
)
def test_a_bad_inventory(world: World, old: str, new: str, words: str) -> None:
    """An inventory that cannot be read is refused with file and line."""
    inventory = world.inventory(old, new)
    before = world.state()
    _refused(world, world.agent("run", "redis_aof", inventory=inventory), BadInventory, before, words)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("{name: go, do: redis.status, colour: red}", "page.yml:5"),
        ("{name: go, do: redis.explode}", "page.yml:5"),
        ("{name: go, do: redis.status, on: nowhere}", "page.yml:5"),
    ],
    ids=["unknown_key", "unknown_action", "unknown_host"],
)
def test_a_bad_page(world: World, page: str, words: str) -> None:
    """A page with an unknown key, action or host is refused with file and line before anything is touched."""
    text = f"title: A page\nsystem: redis\non: redis\nsteps:\n  - {page}\n"
    (world.folder / "page.yml").write_text(text)
    before = world.state()
    said = world.agent("run", str(world.folder / "page.yml"))
    _refused(world, said, BadPage, before, words)
    assert not (world.folder / "runs").exists()


def test_no_backup(world: World) -> None:
    """There is none to verify."""
    before = world.state()
    _refused(world, world.agent("backup", "verify", "redis"), NoBackup, before, "redis1")


def test_a_damaged_backup(world: World) -> None:
    """A backup that is not what its history says is never called verified."""
    assert world.agent("backup", "take", "redis").rc == 0
    assert world.agent("backup", "verify", "redis").rc == 0
    spoil = "f=$(ls /backup/redis/*.rdb | tail -1); printf X | dd of=$f bs=1 seek=20 conv=notrunc"
    world.host.exec("sh", "-ec", spoil)
    before = world.state()
    _refused(world, world.agent("backup", "verify", "redis"), BackupDamaged, before, "redis1")


def test_a_symlinked_backup(world: World) -> None:
    """A backup that is only a link to its bytes, which somebody else could change, is not used."""
    assert world.agent("backup", "take", "redis").rc == 0
    assert world.agent("backup", "verify", "redis").rc == 0
    swap = "f=$(ls /backup/redis/*.rdb | tail -1); mv $f /tmp/elsewhere.rdb; ln -s /tmp/elsewhere.rdb $f"
    world.host.exec("sh", "-ec", swap)
    before = world.state()
    _refused(world, world.agent("backup", "verify", "redis"), BackupDamaged, before, "symbolic link")


def test_no_room_for_the_safety_copy(world: World) -> None:
    """On a full disk the page ends before it alters the damaged files."""
    world.damage()
    world.host.exec("sh", "-c", f"dd if=/dev/zero of={DATA}/filler bs=1M; true")
    before = world.state()
    _refused(world, world.agent("run", "redis_aof"), NoRoom, before, "redis1")
