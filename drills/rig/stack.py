"""A stack: a folder with compose.yml and inventory.yml, started for one drill and gone after it."""

from __future__ import annotations

import json
import random
import secrets
import shutil
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from agent.errors import EngineMissing, NotFound, StepFailed
from drills.rig import adapt, compose, ports, rehearsal, serving
from drills.rig import engine as engines
from drills.rig.adapt import STACK_LABEL, Wanted
from drills.rig.disk import Disk
from drills.rig.engine import Engine
from drills.rig.host import StackHost
from drills.rig.keys import make_key, make_password
from drills.rig.removal import remove
from drills.rig.stack_words import Words, us
from setup import images as builds

STACKS = Path(__file__).parents[1] / "stacks"
PRIVATE = Path(__file__).parents[2] / ".cache/stacks"
_TRIES = 5  # other processes may take a port between our look and its use
_TAKEN = ("already allocated", "already in use", "ports are not available")


def named(name: str) -> Path:
    """Return the folder of a stack of ours, or the folder itself where `name` is a path to one.

    Raises:
        NotFound: there is no such stack; the sentence lists ours.
    """
    folder = Path(name) if "/" in name else STACKS / name
    if (folder / "compose.yml").is_file() and (folder / "inventory.yml").is_file():
        return folder.resolve()
    ours = ", ".join(sorted(path.parent.name for path in STACKS.glob("*/compose.yml")))
    raise NotFound(
        f"Expected a stack with compose.yml and inventory.yml in {folder}, found none.",
        do=f"Ours are {ours}.",
    )


class Stack:
    """One started stack; a context manager whose teardown runs whatever happens.

    `simulated` says what services of it, once started, are not the real thing but a stand-in.
    Nothing secret is in `run_folder`: key and passwords lie in a folder of mode 0700 outside it, and the
    generated inventory refers to them.
    """

    def __init__(
        self,
        folder: Path,
        run_folder: Path,
        *,
        engine: Engine | None = None,
        services: Collection[str] = (),
        disks: Mapping[str, str] | None = None,
        keep: bool = False,
    ) -> None:
        """Nothing is started yet.

        `services` are those of the compose file that shall be started, all where there are none; hosts of
        the inventory that belong to the others are left out of it. `disks` maps volumes of the compose file
        to "ext4": they become disks of their own, whose power can be cut. With `keep`, leaving the context
        leaves the stack up.
        """
        self.folder = folder.resolve()
        self.name = f"drillyard-{self.folder.name}-{secrets.token_hex(4)}"
        self.inventory = (run_folder / "inventory/hosts.yml").resolve()
        self.known_hosts = self.inventory.with_name("known_hosts")
        self.private = PRIVATE / self.name
        self.keep = keep
        self.hosts: Mapping[str, StackHost] = {}
        self.disks: Mapping[str, Disk] = {}
        self.seconds: float | None = None
        self.simulated: tuple[str, ...] = ()
        self._engine = engine
        self._services = tuple(services)
        self._wanted_disks = dict(disks or {})
        self._user = "root"

    @property
    def engine(self) -> Engine:
        """The engine it runs on; raises EngineMissing where none answers."""
        if self._engine is None:
            self._engine = engines.connect()
        return self._engine

    def up(self) -> None:
        """Start everything and return when every host is ready; `seconds` says how long that took.

        Raises:
            EngineMissing: no engine, no image, no Compose, or an engine that cannot do what the stack needs.
            BadInventory, StepFailed, NotInTime: with what went wrong. Nothing is left standing.
        """
        began = time.monotonic()
        try:
            self._up()
        except BaseException:
            self.down()
            raise
        self.seconds = time.monotonic() - began

    def _up(self) -> None:
        if not self.engine.endpoint.local:
            raise EngineMissing(
                f"The engine at {self.engine.endpoint.url} is on another machine: its ports on 127.0.0.1 "
                "cannot be reached from here.",
                do="Run the drill there, or unset DOCKER_HOST and use a local engine.",
            )
        tree = rehearsal.load(self.folder / "inventory.yml")
        self._user = rehearsal.user(tree)
        PRIVATE.mkdir(parents=True, exist_ok=True)
        self.private.mkdir(mode=0o700)
        public = make_key(self.private / "id_ed25519")
        config, env, left_out = self._config()
        if builds.lazily(self.folder):
            builds.ensure_of(self.engine, [self.folder])
        self.simulated = adapt.standins(config)
        tree = rehearsal.without(tree, left_out)
        self.disks = self._make_disks(config)
        published = self._start(config, env)
        self.hosts = self._hosts(published, tree)
        for host in self.hosts.values():
            self._let_in(host, public)
        for host in self.hosts.values():
            host.ready()
        self._write_inventory(tree)

    def _config(self) -> tuple[dict[str, Any], dict[str, str], frozenset[str]]:
        """Read the compose file, make its secrets of variables; return both, and which services are out."""
        here = compose.find()
        env = {**self.engine.endpoint.environment, "STACK_USER": us(), "STACK_PRIVATE": str(self.private)}
        # Compose warns of variables that are not set; the values come once their names are known.
        whole = here.config(self.folder, self.name, env)
        wanted = self._services or tuple(whole["services"])
        for name, variable in adapt.environment_secrets(whole).items():
            env[variable] = make_password(self.private / name)
        left_out = frozenset(whole["services"]) - frozenset(wanted)
        return adapt.only(here.config(self.folder, self.name, env), wanted), env, left_out

    def _make_disks(self, config: dict[str, Any]) -> dict[str, Disk]:
        made: dict[str, Disk] = {}
        self.disks = made
        for volume, kind in self._wanted_disks.items():
            if kind != "ext4" or volume not in (config.get("volumes") or {}):
                known = ", ".join(config.get("volumes") or {}) or "none"
                raise StepFailed(f"disks: expected a volume of {known} as ext4, found {volume}: {kind}.")
            made[volume] = Disk(self.engine, self.name, volume)
            made[volume].make()
        return made

    def _start(self, config: dict[str, Any], env: Mapping[str, str]) -> dict[tuple[str, int], int]:
        wanted = adapt.wanted_ports(config)
        for folder in adapt.folders_in(config, self.private):
            # The engine would make it root's.
            folder.mkdir(mode=0o700, exist_ok=True)
        rng = random.Random(secrets.randbits(64))
        file = self.private / "compose.json"
        for left in reversed(range(_TRIES)):
            chosen = dict(zip(wanted, ports.choose(len(wanted), rng), strict=True))
            devices = {volume: disk.device for volume, disk in self.disks.items()}
            asked = Wanted(self.name, chosen, self.engine.traits, devices)
            file.write_text(json.dumps(adapt.adapt(config, asked, self.engine.image_of), indent=1))
            try:
                compose.find().up(file, self.name, env)
            except StepFailed as error:
                if not left or not any(words in error.sentence for words in _TAKEN):
                    raise
            else:
                return chosen
        raise AssertionError("unreachable: the last try returns or raises")

    def _hosts(
        self, published: Mapping[tuple[str, int], int], tree: Mapping[str, Any]
    ) -> dict[str, StackHost]:
        containers = self.engine.client.containers.list(
            filters={"label": [f"{STACK_LABEL}={self.name}", "com.docker.compose.service"]}
        )
        by_service = {found.labels["com.docker.compose.service"]: found for found in containers}
        units = rehearsal.units(tree)
        hosts = {}
        for name, container in sorted(by_service.items()):
            own = {inner: outer for (service, inner), outer in published.items() if service == name}
            named_units = tuple(unit.name for unit in units if unit.host == name)
            hosts[name] = StackHost(name, container, own, named_units, serving.look_of(container.labels, own))
        return hosts

    def _let_in(self, host: StackHost, public: str) -> None:
        """Let the stack's key in for the inventory's user; a container without sshd is left alone."""
        if 22 not in host.published:
            return
        script = (
            'home=$(getent passwd "$1" | cut -d: -f6); install -d -m 0700 -o "$1" "$home/.ssh"; '
            'cat >"$home/.ssh/authorized_keys"; chown "$1" "$home/.ssh/authorized_keys"; '
            'chmod 0600 "$home/.ssh/authorized_keys"'
        )
        host.exec("sh", "-euc", script, "sh", self._user, stdin=f"{public}\n".encode())

    def _write_inventory(self, tree: Mapping[str, Any]) -> None:
        reach = {
            name: rehearsal.Reach("127.0.0.1", host.port(22))
            if 22 in host.published
            else rehearsal.Reach(str(host.container.name))
            for name, host in self.hosts.items()
        }
        self.inventory.parent.mkdir(parents=True, exist_ok=True)
        self.known_hosts.write_text(
            "".join(
                f"[127.0.0.1]:{host.port(22)} {self._host_key(host)}\n"
                for host in self.hosts.values()
                if 22 in host.published
            )
        )
        words = Words(
            {
                name: {inner: host.port(inner) for inner in host.published}
                for name, host in self.hosts.items()
            },
            {name: str(host.container.name) for name, host in self.hosts.items()},
        )
        filling = rehearsal.Filling(reach, self.private / "id_ed25519", self.known_hosts, self.private, words)
        self.inventory.write_text(rehearsal.fill(tree, filling))

    def _host_key(self, host: StackHost) -> str:
        """Read the host's public key through the engine: the one way nobody on the network can answer."""
        kind, key, *_ = host.exec("cat", "/etc/ssh/ssh_host_ed25519_key.pub").text.split()
        return f"{kind} {key}"

    def down(self) -> None:
        """Remove everything of this stack, secrets included; safe to call twice and after a failed start."""
        try:
            if self._engine is not None:
                for disk in self.disks.values():
                    disk.remove()
                remove(self._engine, f"{STACK_LABEL}={self.name}")
        finally:
            shutil.rmtree(self.private, ignore_errors=True)

    def how_to_get_in(self) -> str:
        """Return the commands that lead into each host of a stack that was kept, and that remove it."""
        lines = [f"The stack {self.name} is still up."]
        key, known = self.private / "id_ed25519", self.known_hosts
        for host in self.hosts.values():
            if 22 in host.published:
                lines.append(
                    f"  ssh -i {key} -o IdentitiesOnly=yes -o UserKnownHostsFile={known} "
                    f"-p {host.port(22)} {self._user}@127.0.0.1   # {host.name}, as the agent"
                )
            lines.append(f"  docker exec -it {host.container.name} bash   # {host.name}, as root")
        lines.append(f"  make clean STACK={self.name}   # remove it")
        return "\n".join(lines)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.keep:
            self.down()


__all__ = ["Stack", "StackHost", "named"]
