"""The connection string of a spare, made of the present one: same user, database, options; other servers.

Database users of Atlas belong to the project, so whoever may log in to a cluster may log in to its spare.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from agent.errors import BadInventory

_STRING = re.compile(r"(mongodb(?:\+srv)?)://(?:([^/?#]*)@)?([^/?#@]+)(?:/([^?#]*))?(?:\?(.*))?")
# What belongs to the servers at an address and not to the client.
_OF_THE_SERVERS = frozenset(
    ["replicaset", "ssl", "tls", "directconnection", "loadbalanced", "srvservicename", "srvmaxhosts"]
)
_OF_A_SET = frozenset(
    ["replicaset", "directconnection", "loadbalanced", "srvservicename", "srvmaxhosts", "readpreference"]
)


@dataclass(frozen=True)
class Parts:
    """A connection string taken apart; `login` is user and password as they stand in it."""

    scheme: str
    login: str
    hosts: tuple[str, ...]
    database: str
    options: dict[str, str]


def parts(text: str) -> Parts:
    """Return a connection string taken apart.

    Raises:
        BadInventory: it is none; the sentence does not hold it, as it may hold a password.
    """
    found = _STRING.fullmatch(text.strip())
    if not found:
        raise BadInventory(
            "Expected a connection string (mongodb://... or mongodb+srv://...), found something else."
        )
    scheme, login, hosts, database, options = found.groups()
    return Parts(
        scheme,
        login or "",
        tuple(host.lower() for host in hosts.split(",")),
        database or "",
        dict(parse_qsl(options or "", keep_blank_values=True)),
    )


def moved(present: str, to: str) -> str:
    """Return the connection string `present` led to the servers at `to`, an address without a login.

    Raises:
        BadInventory: one of them is no connection string.
    """
    ours, theirs = parts(present), parts(to)
    kept = {key: value for key, value in ours.options.items() if key.lower() not in _OF_THE_SERVERS}
    options = urlencode({**kept, **theirs.options}, safe=":/")
    login = f"{ours.login}@" if ours.login else ""
    query = f"?{options}" if options else ""
    return f"{theirs.scheme}://{login}{','.join(theirs.hosts)}/{ours.database or theirs.database}{query}"


def straight(present: str, host: str) -> str:
    """Return the connection string `present` led to one member alone, whatever that is in its set.

    Raises:
        BadInventory: it is no connection string.
    """
    ours = parts(present)
    kept = {key: value for key, value in ours.options.items() if key.lower() not in _OF_A_SET}
    if ours.scheme == "mongodb+srv":
        # What the records of its name would have said, where it does not say it itself.
        said = {key.lower() for key in kept}
        kept |= {} if said & {"tls", "ssl"} else {"tls": "true"}
        kept |= {} if "authsource" in said or not ours.login else {"authSource": "admin"}
    options = urlencode({**kept, "directConnection": "true"}, safe=":/")
    login = f"{ours.login}@" if ours.login else ""
    return f"mongodb://{login}{host}/{ours.database}?{options}"


def shown(text: str) -> str:
    """Return a connection string without its login and options, for a sentence."""
    found = parts(text)
    return f"{found.scheme}://{','.join(found.hosts)}/{found.database}"
