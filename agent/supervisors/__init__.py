"""How a service is stopped, started and asked: one file a supervisor, one conformance suite for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from agent.errors import StepFailed
from agent.inventory import Service
from agent.secrets import Secret
from agent.transport.ask import Action

Values = Mapping[str, str | Secret]
"""Variables of an environment by name."""

LAST = 5
"""How many lines of its log the sentence of a failed start carries."""

LOOPS = 3
"""After so many restarts by its supervisor, a service that is being started is in a crash loop."""

STEADY = 1.0
"""Seconds that a service must have been up to count as started, where nothing says when it is ready."""


@dataclass(frozen=True)
class Status:
    """How its supervisor sees a service; `since` is the supervisor's own word for when it got so.

    `state` is running, stopped, failed, starting or unknown; a crash loop is starting. `enabled` says
    whether it starts with its host, None where nobody here knows. `pid` is 0 where nothing runs, and where
    the supervisor knows of no process on one host (Kubernetes).
    """

    state: str
    enabled: bool | None
    pid: int = 0
    restarts: int = 0
    detail: str = ""
    since: str = ""


@dataclass(frozen=True)
class Switched:
    """What became of a service whose environment was changed, `names` being the variables.

    `kept` says where the environment of before lies, for `service.restore_env`. It is a place and never a
    value: an old address often holds a password, and a result stands in the journal.
    """

    status: Status
    names: tuple[str, ...]
    kept: str


class Supervisor(Protocol):
    """What every supervisor can do for a service; a module of this room has these functions."""

    def status(self, service: Service) -> Action[Status]:
        """Ask how the service is."""

    def start(self, service: Service, *, within: float = 60.0) -> Action[Status]:
        """Start it and wait until the supervisor calls it running.

        Raises:
            StepFailed: it did not start; the sentence carries the last lines of its log.
        """

    def stop(self, service: Service, *, within: float = 60.0) -> Action[Status]:
        """Stop it, stay stopped against a crash loop, and wait until no process is left."""

    def restart(self, service: Service, *, within: float = 60.0) -> Action[Status]:
        """Restart it and wait until it runs."""

    def logs(self, service: Service, *, lines: int = 100) -> Action[str]:
        """Return the newest lines of its log."""


@runtime_checkable
class Enabling(Protocol):
    """What a supervisor has that can start a service with its host."""

    def enable(self, service: Service) -> Action[Status]:
        """Have the service start by itself when the host does."""


@runtime_checkable
class Killing(Protocol):
    """What a supervisor has that can end a service which no longer listens."""

    def kill(self, service: Service) -> Action[None]:
        """End every process of it at once; it may be started anew by its supervisor at any moment."""


@dataclass(frozen=True)
class Release:
    """One release of a service that its supervisor keeps; `made` is when, as ISO 8601 ("" = not known)."""

    name: str
    made: str = ""


@runtime_checkable
class Rolling(Protocol):
    """What a supervisor has that keeps the releases of a service."""

    def releases(self, service: Service) -> Action[tuple[Release, ...]]:
        """Return those it keeps, the present one last."""

    def roll_back(self, service: Service, *, within: float = 60.0) -> Action[str]:
        """Go back to the release before the present one, wait until it runs, and return its name.

        Raises:
            StepFailed: there is none, or it did not start.
        """


@runtime_checkable
class Environing(Protocol):
    """What a supervisor has that can give a service another environment, and the one before again."""

    def set_env(self, service: Service, values: Values, *, within: float = 60.0) -> Action[Switched]:
        """Change variables of its environment for good and restart it; what was before is kept.

        Variables that are not named stay as they are. A secret never stands in an argv.

        Raises:
            StepFailed: it did not start with the new environment, or does not see it.
        """

    def restore_env(self, service: Service, *, within: float = 60.0) -> Action[Switched]:
        """Give it the environment it had before the last `set_env`, and restart it.

        Raises:
            StepFailed: none is kept, or it did not start.
        """


def did_not(service: Service, verb: str, why: str, last: str) -> StepFailed:
    """Return the error of a service that did not start; `last` are the last lines of its log."""
    return StepFailed(
        f"{service.host}: expected {service.unit} to {verb}, found: {why}. "
        + (f"Its log ends with:\n{last}" if last.strip() else "Its log is empty."),
        do="This step touched none of its files; look at what its log names, and run again.",
    )
