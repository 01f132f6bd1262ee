"""What a backup is: where it lies, what it holds, how it was proved; and what a system must offer for one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

from agent import naming
from agent.inventory.model import Service
from agent.transport.ask import Action

Depth = Literal["checksum", "opens", "restored"]
DEPTHS: tuple[Depth, ...] = ("checksum", "opens", "restored")
"""How deep a verification goes: its bytes are those taken; it is sound by itself; a system was run on it."""


@dataclass(frozen=True)
class Verified:
    """The deepest verification a backup passed: how deep, when (UTC, ISO with offset), what was found."""

    depth: Depth
    at: str
    detail: str


@dataclass(frozen=True)
class Backup:
    """One backup. `taken_at` is UTC, ISO with offset, by the clock of the host it was taken on.

    `contents` counts what it holds ({"db0": 43005}); `mark` is what its log holds at the same instant ("" =
    the system has no such thing); `tools` are versions; `fault` is what its last verification found wrong.
    """

    id: str
    system: str
    host: str
    path: str
    taken_at: str
    bytes: int
    sha256: str
    mark: str = ""
    contents: dict[str, int] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    verified: Verified | None = None
    fault: str = ""


class Taken(Protocol):
    """What a system says of a copy it has just made."""

    @property
    def mark(self) -> str:
        """See `Backup.mark`."""

    @property
    def contents(self) -> dict[str, int]:
        """See `Backup.contents`."""

    @property
    def tools(self) -> dict[str, str]:
        """See `Backup.tools`."""


class Found(Protocol):
    """What a system's check of a copy found."""

    @property
    def sound(self) -> bool:
        """Whether the copy can be restored."""

    @property
    def detail(self) -> str:
        """A sentence."""

    @property
    def contents(self) -> dict[str, int]:
        """What it holds."""


class Dumps(Protocol):
    """A system that can be backed up: its module has these actions, each with the system's object first."""

    DUMP_SUFFIX: str

    def dump_needs(self, system: Any) -> Action[int]:
        """Return how many bytes a copy may have, from above."""

    def dump(self, system: Any, into: str, name: str) -> Action[Taken]:
        """Copy the running system to the file `into` without stopping it; `name` is the backup's id."""

    def check_dump(self, system: Any, path: str, mark: str, depth: str) -> Action[Found]:
        """Check a copy as deep as `opens` or `restored`."""


def dumps_of(service: Service) -> tuple[Dumps, Any]:
    """Return the module that backs up a service's system, and the system's own object.

    Raises:
        NotFound: the system has no dump; the sentence lists what it has.
    """
    subject = naming.verb(f"{service.system}.dump").of(service)
    return cast(Dumps, naming.system(service.system)), subject


def volume(service: Service) -> str:
    """Return the folder on the host under which its backups lie."""
    return service.text("backup_dir", "/backup").rstrip("/")
