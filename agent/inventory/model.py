"""Host, service and inventory: frozen, and able to say where each of them is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import BadInventory, NotFound
from agent.secrets import Secret


@dataclass(frozen=True)
class Where:
    """A place in a file, for errors: `inventory/hosts.yml:12`."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Service:
    """One system on one host: what it is, who supervises it, and its settings.

    Where it lives behind somebody's API, `provider` says whose; nobody of ours supervises it then.
    `settings` are plain values (str, int, float, bool, list, dict) and `Secret`s; a system's own class
    reads and checks them (`Redis.of(service)`).
    """

    system: str
    host: str
    supervisor: str
    unit: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    at: Where = Where("")
    provider: str = ""

    def text(self, key: str, default: str | None = None) -> str:
        """Return setting `key` as text.

        Raises:
            BadInventory: it is missing and there is no default, or it is not text.
        """
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "text", value)
        return value

    def number(self, key: str, default: int | None = None) -> int:
        """Return setting `key` as a whole number; raises like `text`."""
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(key, "a whole number", value)
        return value

    def secret(self, key: str) -> Secret | None:
        """Return setting `key` as a secret, or None where it is not set.

        Raises:
            BadInventory: it is written out as plain text instead of a reference.
        """
        value = self.settings.get(key)
        if value is None or isinstance(value, Secret):
            return value
        raise BadInventory(
            f"{self.at}: {self.host} has {key} written out; a secret is expected as a reference.",
            do="Write !env NAME, !file PATH or !command LINE in its place.",
        )

    def _value(self, key: str, default: Any) -> Any:
        if key in self.settings:
            return self.settings[key]
        if default is None:
            raise BadInventory(
                f"{self.at}: {self.host} serves {self.system} without the setting {key!r}.",
                do=f"Add {key} below serves: {self.system}.",
            )
        return default

    def _wrong(self, key: str, expected: str, value: object) -> BadInventory:
        return BadInventory(
            f"{self.at}: {key} of {self.system} on {self.host} should be {expected}, "
            f"found {type(value).__name__}."
        )


@dataclass(frozen=True)
class Host:
    """One host: how to get there, what it serves, every variable it ends up with.

    `road` is ssh, local or docker (from `ansible_connection`). `become` runs changing steps as root by sudo,
    and `become_password` is told to it where it asks. `known_hosts` is the file its key must stand in
    ("" = the user's own), `key_alias` the name it stands under there ("" = its address). `environment` is
    `production`, `rehearsal` or whatever the variable `env` says. `state_dir` is the folder on the host for
    locks and jobs.
    """

    name: str
    road: str = "ssh"
    address: str = ""
    port: int = 22
    user: str = ""
    become: bool = False
    become_password: Secret | None = None
    key_file: str = ""
    known_hosts: str = ""
    key_alias: str = ""
    jump: str = ""
    environment: str = ""
    state_dir: str = "/var/lib/drillyard"
    groups: tuple[str, ...] = ()
    services: Mapping[str, Service] = field(default_factory=dict)
    vars: Mapping[str, Any] = field(default_factory=dict)
    places: Mapping[str, Where] = field(default_factory=dict)
    at: Where = Where("")

    def service(self, system: str) -> Service:
        """Return what this host serves under that name.

        Raises:
            NotFound: it does not; the sentence lists what it serves.
        """
        try:
            return self.services[system]
        except KeyError:
            serves = ", ".join(sorted(self.services)) or "nothing"
            raise NotFound(f"{self.at}: {self.name} does not serve {system}; it serves {serves}.") from None


@dataclass(frozen=True)
class Inventory:
    """Every host by name, every group's hosts in order, and the folder the inventory lies in.

    `groups` holds `all` too; `children` the groups directly below a group.
    """

    hosts: Mapping[str, Host]
    groups: Mapping[str, tuple[str, ...]]
    source: Path = Path()
    children: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Host]:
        return iter(self.hosts.values())

    def serving(self, system: str) -> tuple[Host, ...]:
        """Return the hosts that serve a system, in the inventory's order."""
        return tuple(host for host in self if system in host.services)
