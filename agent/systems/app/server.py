"""One application as the inventory describes it: what a host runs for users, with no data of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from agent.errors import BadInventory, StepFailed
from agent.inventory.model import Service
from agent.payload.bundle import program
from agent.secrets import Secret
from agent.transport.ask import Action, Done, Sh, Until

VARIABLE = "DRILLYARD_S_"
"""Before a number: the variable in which a secret of the checks travels (agent/payload/app_checks.py)."""

_WELL = Done(0, b'{"health": {"status": 200, "seconds": 0.0, "body": "", "trouble": "", "detail": ""}}')
_ILL = Done(0, b'{"health": {"status": 503, "seconds": 0.0, "body": "", "trouble": "", "detail": ""}}')
_LOCAL = ("systemd", "docker", "compose")


@dataclass(frozen=True)
class Need:
    """What the application cannot do without: its address, host:port, and the page for when it is down."""

    address: str
    page: str = ""


@dataclass(frozen=True)
class App:
    """An application server: who supervises it, what tells that it does its work, what it depends on.

    `health` is the URL that says whether users are served, as the host itself reaches it; `authority` a file
    on the host with who signs its certificate ("" = whoever the host trusts). An answer takes at most
    `seconds`, and one that takes longer than `slow` is a bad sign. `releases` is a folder with one folder a
    release, `current` the link to the one that runs; one that is younger than `fresh` seconds is suspected
    first. `certificate` is the file it serves with and `renew` the command that renews it. `checks` is what
    users do (agent/payload/app_checks.py). `logs` are files beside the supervisor's log, `disks` the places
    whose room it needs.
    """

    service: Service
    health: str
    authority: str = ""
    seconds: int = 5
    slow: int = 2
    needs: Mapping[str, Need] = field(default_factory=dict)
    releases: str = ""
    current: str = ""
    fresh: int = 86_400
    certificate: str = ""
    renew: str = ""
    checks: tuple[Mapping[str, Any], ...] = ()
    logs: tuple[str, ...] = ()
    disks: tuple[str, ...] = ("/", "/var", "/tmp")
    python: str = "python3"

    @classmethod
    def of(cls, service: Service) -> App:
        """Read the settings of an inventory's service.

        Raises:
            BadInventory: `health` is missing, or a setting has the wrong type.
        """
        texts = ("authority", "releases", "current", "certificate", "renew", "python")
        app = cls(
            service,
            service.text("health"),
            seconds=service.number("seconds", cls.seconds),
            slow=service.number("slow", cls.slow),
            fresh=service.number("fresh", cls.fresh),
            needs=_needs(service),
            checks=tuple(_list(service, "checks", dict)),
            logs=tuple(_list(service, "logs", str)),
            disks=tuple(_list(service, "disks", str)) or cls.disks,
            **{name: service.text(name, getattr(cls, name)) for name in texts},
        )
        if app.releases and not app.current:
            raise _wrong(service, "current", "the link to the release that runs, as `releases` is set")
        return app

    @property
    def host(self) -> str:
        """The host that serves it."""
        return self.service.host

    @property
    def name(self) -> str:
        """What it is to its supervisor."""
        return self.service.unit

    @property
    def base(self) -> str:
        """The URL without its path."""
        parts = urlsplit(self.health)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def local(self) -> bool:
        """Whether its processes run on the host we ask; a cluster's run elsewhere."""
        return self.service.supervisor in _LOCAL

    @property
    def sudo(self) -> bool:
        """Whether we act as root on its host: the setting `sudo` of its service."""
        return bool(self.service.settings.get("sudo", self.local))

    def run(self, payload: str, spec: dict[str, Any], **options: Any) -> Sh:
        """Return the ask that has a payload program do what `spec` says."""
        words = msgspec.json.encode({"authority": self.authority, "seconds": self.seconds, **spec}).decode()
        return Sh(self.python, "-I", "-", words, stdin=program(payload), sudo=self.sudo, **options)

    def visit(self) -> Sh:
        """Return the ask for the health check alone."""
        return self.run("app_facts", {"health": self.health}, timeout=self.seconds * 3 + 10)


def served(app: App, within: float, *, times: int = 1) -> Until:
    """Return the ask that ends when its health check says so many `times` in a row that users are served."""
    good = 0

    def serves(done: Done) -> bool:
        nonlocal good
        good = good + 1 if _good(app, done) else 0
        return good >= times

    what = f"{app.health} says that users are served"
    return Until(app.visit(), serves, what, within=within, every=0.3 if times == 1 else 0.5, supposing=_WELL)


def failing(app: App, within: float) -> Until:
    """Return the ask that ends when its health check does not say that users are served."""
    what = f"{app.health} says something else"
    return Until(
        app.visit(), lambda done: not _good(app, done), what, within=within, every=0.5, supposing=_ILL
    )


def _good(app: App, done: Done) -> bool:
    return 200 <= int(read(app, done)["health"]["status"]) < 300


def read(app: App, done: Done) -> Any:
    """Return what a payload program printed.

    Raises:
        StepFailed: it is no JSON.
    """
    try:
        return msgspec.json.decode(done.out)
    except msgspec.DecodeError:
        raise StepFailed(
            f"{app.host}: expected a JSON answer from {app.python}, found: {done.text[:200]!r}.",
            do=f"Check that {app.python} on that host is Python 3.9 or newer.",
        ) from None


def payload(app: App, name: str, spec: dict[str, Any], **options: Any) -> Action[Any]:
    """Run a payload program on the host and return its answer; raises like `read`."""
    done: Done = yield app.run(name, spec, **options)
    return read(app, done)


def without_secrets(value: Any, found: dict[str, Secret]) -> Any:
    """Return a setting with `{secret:n}` in place of each secret, which goes into `found` by its number."""
    if isinstance(value, Secret):
        number = str(len(found))
        found[number] = value
        return f"{{secret:{number}}}"
    if isinstance(value, Mapping):
        return {key: without_secrets(each, found) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_secrets(each, found) for each in value]
    return value


def _needs(service: Service) -> dict[str, Need]:
    found = service.settings.get("needs") or {}
    if not isinstance(found, Mapping):
        raise _wrong(service, "needs", "a mapping of names to host:port")
    needs = {}
    for name, value in found.items():
        said = {"address": value} if isinstance(value, str) else value
        try:
            needs[str(name)] = msgspec.convert(said, Need, strict=True)
        except msgspec.ValidationError:
            raise _wrong(service, f"needs: {name}", "host:port, or a mapping of address and page") from None
        if not needs[str(name)].address.rpartition(":")[2].isdigit():
            raise _wrong(service, f"needs: {name}", "an address with its port, such as redis1:6379")
    return needs


def _list(service: Service, key: str, kind: type) -> list[Any]:
    found = service.settings.get(key) or []
    if not isinstance(found, list) or not all(isinstance(each, kind) for each in found):
        raise _wrong(service, key, f"a list of {'texts' if kind is str else 'mappings'}")
    return found


def _wrong(service: Service, key: str, expected: str) -> BadInventory:
    return BadInventory(f"{service.at}: `{key}` of {service.system} on {service.host} should be {expected}.")
