"""How much of a host and of its network backups may take, as the inventory says under `load`."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import BadInventory
from agent.inventory.model import Service
from agent.naming import did_you_mean

_IO = ("", "idle", "best-effort")
_NICEST = 19


@dataclass(frozen=True)
class Load:
    """What a service's backups may take of their host.

    `rate` is MiB a second of copies that are sent off-site and read back there (0 = as fast as it goes);
    `nice` is the priority of taking and proving (0 to 19), `io` that of their disk accesses (idle,
    best-effort, "" = as anybody's).
    """

    rate: float = 0
    nice: int = 10
    io: str = ""

    @classmethod
    def of(cls, service: Service) -> Load:
        """Read `load: {rate: 40, nice: 10, io: idle}`.

        Raises:
            BadInventory: it is no such mapping, or names what there is not.
        """
        said = service.settings.get("load", {})
        if not isinstance(said, dict):
            raise _wrong(service, f"a mapping of {', '.join(cls.__dataclass_fields__)}, found {said!r}")
        for name in said:
            if name not in cls.__dataclass_fields__:
                hint = did_you_mean(str(name), cls.__dataclass_fields__)
                raise _wrong(
                    service, f"a mapping of {', '.join(cls.__dataclass_fields__)}, found {name}.{hint}"
                )
        rate, nice, io = said.get("rate", cls.rate), said.get("nice", cls.nice), said.get("io", cls.io)
        if isinstance(rate, bool) or not isinstance(rate, int | float) or rate < 0:
            raise _wrong(service, f"a rate in MiB a second, found {rate!r}")
        if isinstance(nice, bool) or not isinstance(nice, int) or not 0 <= nice <= _NICEST:
            raise _wrong(service, f"nice from 0 to {_NICEST}, found {nice!r}")
        if io not in _IO:
            raise _wrong(service, f"io idle or best-effort, found {io!r}.{did_you_mean(str(io), _IO)}")
        return cls(rate, nice, io)


def _wrong(service: Service, what: str) -> BadInventory:
    return BadInventory(f"{service.at}: load of {service.system} on {service.host} should have {what}")
