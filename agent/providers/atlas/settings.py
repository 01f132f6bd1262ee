"""A cluster of MongoDB Atlas as the inventory describes it: where it is, who we are there, and its spare."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.errors import BadInventory
from agent.providers.program import Program
from agent.secrets import Secret

if TYPE_CHECKING:
    # Not for the program of the tools host, which would read an inventory's world for nothing.
    from agent.inventory.model import Service

BASE = "https://cloud.mongodb.com"
_PROJECT = re.compile(r"[a-f0-9]{24}")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-]{0,63}")
_TIER = re.compile(r"[MR][1-9]\d{1,2}(_NVME)?")
_ADDRESS = re.compile(r"(standard|private)(Srv)?")
_ADDRESSES = "standardSrv, standard, privateSrv or private"
_WAYS = {
    "a service account": ("client_id", "client_secret"),
    "an API key": ("public_key", "private_key"),
}


@dataclass(frozen=True)
class Atlas:
    """One cluster (`cluster`), the one it is restored into (`spare`), and how a missing spare is to be made.

    `identity` is the client id of a service account, or the public part of an API key where `key` says so;
    `secret` is the other half. The spare is of `tier` with `nodes` in `region` of `cloud`. `every` is how
    many seconds lie between two looks at something that takes its time.
    """

    host: str
    project: str
    cluster: str
    spare: str
    identity: str
    secret: Secret
    key: bool = False
    api: str = BASE
    cloud: str = "AWS"
    region: str = ""
    tier: str = "M20"
    nodes: int = 3
    address: str = "standardSrv"
    every: float = 10.0
    python: str = field(default=sys.executable)

    @classmethod
    def of(cls, service: Service) -> Atlas:
        """Read the settings of an inventory's service.

        Raises:
            BadInventory: something is missing, written out, or not what Atlas takes.
        """
        identity, secret, key = _login(service)
        found = cls(
            host=service.host,
            project=_matching(service, "project", _PROJECT, "the 24 hexadecimal digits of a project"),
            cluster=_matching(service, "cluster", _NAME, "a cluster's name (letters, digits, hyphens)"),
            spare=_matching(service, "spare", _NAME, "a cluster's name (letters, digits, hyphens)"),
            identity=identity,
            secret=secret,
            key=key,
            api=_base(service),
            cloud=service.text("cloud", "AWS"),
            region=service.text("region", ""),
            tier=_matching(service, "tier", _TIER, "M10 or larger, which has backups to a moment", "M20"),
            nodes=_nodes(service),
            address=_matching(service, "address", _ADDRESS, _ADDRESSES, "standardSrv"),
            every=_every(service),
            python=service.text("python", sys.executable),
        )
        if found.spare == found.cluster:
            raise _wrong(service, "spare", "another cluster than `cluster`: a restore empties it first")
        return found

    @property
    def program(self) -> Program:
        """The program that speaks to Atlas, on the tools host."""
        return Program("agent.providers.atlas", self.python, self.host, "atlas")

    @property
    def secrets(self) -> dict[str, Secret]:
        """What the program needs to know that must not stand anywhere."""
        return {"DRILLYARD_ATLAS_SECRET": self.secret}

    def spec(self, **more: Any) -> dict[str, Any]:
        """Return what every verb of the program is told, with `more`."""
        return {
            "api": self.api,
            "identity": self.identity,
            "key": self.key,
            "project": self.project,
            "cluster": self.cluster,
            "spare": self.spare,
            "every": self.every,
            "address": self.address,
            **more,
        }


def _login(service: Service) -> tuple[str, Secret, bool]:
    given = {way: names for way, names in _WAYS.items() if any(name in service.settings for name in names)}
    if len(given) != 1:
        found = "both" if given else "neither"
        raise BadInventory(
            f"{service.at}: {service.host} should say who we are to Atlas, by client_id and client_secret of "
            f"a service account or by public_key and private_key of an API key; found {found}.",
            do="Write the secret half as !env NAME, !file PATH or !command LINE.",
        )
    ((way, (public, private)),) = given.items()
    secret = service.secret(private)
    if secret is None:
        raise _wrong(service, private, f"a reference to the secret half of {way}")
    identity = service.settings.get(public)
    # A reference to the public half is fine too, but it then is a secret, which no spec may hold.
    if not isinstance(identity, str) or not identity:
        raise _wrong(service, public, f"text, the public half of {way}")
    return identity, secret, way == "an API key"


def _base(service: Service) -> str:
    base = service.text("api", BASE).rstrip("/")
    here = re.fullmatch(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", base)
    if not here and not re.fullmatch(r"https://[^/?#@]+", base):
        raise _wrong(service, "api", "https://... without a path: our credentials are sent there")
    return base


def _nodes(service: Service) -> int:
    nodes = service.number("nodes", 3)
    if nodes not in (3, 5, 7):
        raise _wrong(service, "nodes", "3, 5 or 7")
    return nodes


def _every(service: Service) -> float:
    every = service.settings.get("every", 10)
    if isinstance(every, bool) or not isinstance(every, int | float) or not 0 < every <= 300:
        raise _wrong(service, "every", "seconds between two looks at Atlas, up to 300")
    return float(every)


def _matching(service: Service, key: str, shape: re.Pattern[str], what: str, default: str = "") -> str:
    text = service.text(key, default or None)
    if not shape.fullmatch(text):
        raise _wrong(service, key, what)
    return text


def _wrong(service: Service, key: str, expected: str) -> BadInventory:
    found = service.settings.get(key)
    # An address may hold a password by mistake.
    plain = isinstance(found, str | int | float) and "@" not in str(found)
    shown = "nothing" if found is None else repr(found) if plain else "something else"
    return BadInventory(
        f"{service.at}: {key} of {service.system} on {service.host} should be {expected}, found {shown}."
    )
