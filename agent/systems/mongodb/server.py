"""One MongoDB server as the inventory describes it, and how the programs of `agent.pitr` are asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from agent import errors
from agent.errors import BadInventory, DrillyardError, StepFailed
from agent.inventory.model import Service
from agent.secrets import Secret
from agent.transport.ask import Action, Done, Sh

T = TypeVar("T")

_CAPTURE = "drillyard-capture"
_OURS = tuple(code for code in range(10, 71))
_KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}


@dataclass(frozen=True)
class Mongodb:
    """A MongoDB server: how it is reached, by the tools and by the application, and where captures lie.

    `uri` is a connection string as the tools host reaches the server, `app_uri` as the application does;
    `spare_uri` and `spare_app_uri` name the new, empty server a restore goes to. Each is a reference to a
    secret. Captures lie in `backup_dir`/mongodb on the tools host; `ship_to` is a second place for them (a
    folder, or user@host:folder). `python` runs there and has Drillyard installed.
    `unit` is the server to its supervisor; `capture_unit` is the service that captures it, on the tools host.
    `hosted` is the service as its provider's module wants it, where somebody else runs the server, `vaulted`
    where the application reads its address from AWS Secrets Manager (`aws_secret_id`).
    """

    host: str
    unit: str = "mongod"
    uri: Secret | None = None
    app_uri: Secret | None = None
    spare_uri: Secret | None = None
    spare_app_uri: Secret | None = None
    backup_dir: str = "/backup"
    ship_to: str = ""
    python: str = sys.executable
    indexes: str = ""
    workers: int = 0
    seal_every: int = 30
    base_every: int = 86_400
    keep_days: int = 7
    capture_unit: str = ""
    hosted: Service | None = None
    vaulted: Service | None = None

    @classmethod
    def of(cls, service: Service) -> Mongodb:
        """Read the settings of an inventory's service.

        Raises:
            BadInventory: a setting has the wrong type, a connection string is written out, or `unit` is the
                capture's.
        """
        default = cls(host=service.host, capture_unit=f"{_CAPTURE}@{service.host}")
        texts = ("backup_dir", "ship_to", "python", "indexes", "capture_unit")
        numbers = ("workers", "seal_every", "base_every", "keep_days")
        plain: dict[str, Any] = {name: service.text(name, getattr(default, name)) for name in texts}
        plain |= {name: service.number(name, getattr(default, name)) for name in numbers}
        return cls(
            host=service.host,
            unit=service.unit,
            uri=service.secret("uri"),
            app_uri=service.secret("app_uri"),
            spare_uri=service.secret("spare_uri"),
            spare_app_uri=service.secret("spare_app_uri"),
            hosted=service if service.provider else None,
            vaulted=service if "aws_secret_id" in service.settings else None,
            **plain,
        ).sound(service)

    def sound(self, service: Service) -> Mongodb:
        """Return it, where its units are two.

        Raises:
            BadInventory: what would be stopped as the server is the capture of it.
        """
        if service.unit.startswith(_CAPTURE) or service.unit == self.capture_unit:
            raise BadInventory(
                f"{service.at}: {self.host} has {service.unit} as the unit of mongodb, which is its capture: "
                "mongodb_down would start that, and mongodb_retire stop it, in the server's place.",
                do=f"Name the server's (unit: mongod), and the capture's as capture_unit: {service.unit}. "
                "Where the server runs on other hosts than these tools: supervisor: elsewhere.",
            )
        return self

    @property
    def store(self) -> str:
        """The folder of its captures."""
        return f"{self.backup_dir.rstrip('/')}/mongodb"

    def at(self, which: str) -> Secret:
        """Return the connection string named `self`, `spare`, or by its setting (`app_uri`).

        Raises:
            BadInventory: the inventory does not have it.
        """
        name = {"self": "uri", "spare": "spare_uri"}.get(which, which)
        found = getattr(self, name, None)
        if isinstance(found, Secret):
            return found
        raise BadInventory(
            f"{self.host} serves mongodb without the setting {name!r}, which this needs.",
            do=f"Add {name}: !file PATH (a connection string) below serves: mongodb.",
        )

    def program(self, verb: str, spec: Mapping[str, Any], into: str = "", of: str = "", **options: Any) -> Sh:
        """Return the ask that has `python -m agent.pitr VERB` do what `spec` says.

        The connection strings of this server (or the one named by `of`) and, where it is named, of `into`
        travel as secrets.
        """
        mine = self.at(of) if of else self.uri
        secrets = {"DRILLYARD_MONGODB_URI": mine} if mine else {}
        if into:
            secrets["DRILLYARD_MONGODB_INTO"] = self.at(into)
        words = msgspec.json.encode({"store": self.store, "host": self.host, **spec})
        return Sh(
            self.python,
            # Not out of the folder a login begins in: a random.py of somebody's would be taken for Python's.
            "-P",
            "-m",
            "agent.pitr",
            verb,
            stdin=words,
            secrets=secrets,
            ok=(0, *_OURS),
            keep=32_000_000,
            **options,
        )


def answer(
    mongodb: Mongodb, verb: str, spec: Mapping[str, Any], kind: type[T], into: str = "", **options: Any
) -> Action[T]:
    """Run one of the programs and return its answer as `kind`; its own errors are raised here as they are."""
    done: Done = yield mongodb.program(verb, spec, into, **options)
    return read(mongodb, done, kind)


def read(mongodb: Mongodb, done: Done, kind: type[T]) -> T:
    """Return what a program printed, as `kind`.

    Raises:
        DrillyardError: whatever it ended with, in its own words.
        StepFailed: it printed no answer.
    """
    if done.rc:
        raise _failure(mongodb, done)
    if not done.out:
        # So a preview supposes a change: it cannot know the answer.
        raise ValueError("no answer")
    try:
        return msgspec.json.decode(done.out, type=kind)
    except msgspec.DecodeError as error:
        raise StepFailed(
            f"{mongodb.host}: expected an answer of agent.pitr, found {done.text[:200]!r} ({error}).",
            do=f"See that {mongodb.python} on the tools host has this release of Drillyard installed.",
        ) from None


def _failure(mongodb: Mongodb, done: Done) -> DrillyardError:
    try:
        said = msgspec.json.decode(done.out, type=dict[str, str])
        kind = _KINDS[said["error"]]
        sentence, do = said["sentence"], said["do"]
    except (msgspec.DecodeError, LookupError):
        return StepFailed(
            f"{mongodb.host}: agent.pitr ended with code {done.rc}: {done.complaint}",
            do=f"See that {mongodb.python} on the tools host has drillyard[mongodb] installed.",
        )
    failure: DrillyardError = kind(f"{mongodb.host}: {sentence}", do=do)
    return failure
