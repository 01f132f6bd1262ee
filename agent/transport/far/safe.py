"""Whether what is said to the engine's workers can be read or altered on the way."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from agent.errors import Refused, Unreachable


def refuse_open(addresses: Iterable[str]) -> None:
    """Refuse an engine whose scheduler or workers are spoken to in the clear over a network.

    Dask unpickles what it is sent: who can write into such a line runs programs on every worker, and here;
    and secrets travel on it.

    Raises:
        Refused: one of the addresses is neither `tls://` nor on this machine.
        Unreachable: a name among them leads nowhere.
    """
    for address in addresses:
        if in_the_clear(address):
            raise Refused(
                f"The engine is spoken to in the clear at {address}: whoever is on that network can read the "
                "secrets that travel there, and run programs on the workers and here.",
                do="Give Dask certificates (distributed.comm.tls; docs/operators/many_hosts.md), or add "
                "--engine-insecure where that network is yours alone.",
            )


def in_the_clear(address: str) -> bool:
    """Tell whether an address of Dask's (`tcp://10.0.0.5:8786`) leads over a network without TLS."""
    kind, _, where = address.partition("://")
    if kind in ("tls", "wss", "inproc"):
        return False
    return not _here(where.rpartition(":")[0].strip("[]"))


def _here(name: str) -> bool:
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(name, None)}
    except OSError as error:
        raise Unreachable(
            f"The engine's {name} leads to no address: {error.strerror}.",
            do="Correct --engine dask://HOST:PORT.",
        ) from None
    return bool(found) and all(ipaddress.ip_address(str(each)).is_loopback for each in found)
