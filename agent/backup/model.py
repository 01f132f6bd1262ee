"""What a backup is: where it lies, what it holds, how it was proved; and what a system must offer for one."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast

from agent import naming
from agent.errors import NotFound
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
class Part:
    """One of the files that a backup of several is made of."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Backup:
    """One backup. `taken_at` is UTC, ISO with offset, by the clock of the host it was taken on.

    `kind` is the system's word for what was taken; `contents` counts what it holds ({"db0": 43005}); `mark`
    is what its log holds at the same instant ("" = the system has no such thing); `usual` are the system's
    own figures at that time, for a comparison after a recovery; `tools` are versions; `fault` is what its
    last verification found wrong. `parent` is the backup without which this one is of no use ("" = none).

    `breaks` says why it does not go on from the backup before it ("" = it does): the data had been lost or
    set back in between. `shipped` says since when (UTC) which store holds a copy of it.

    `parts` are the files of a set; then `path` is the manifest that says what each of them holds.
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
    kind: str = "full"
    usual: dict[str, float] = field(default_factory=dict)
    parent: str = ""
    breaks: str = ""
    shipped: dict[str, str] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()

    @property
    def total(self) -> int:
        """The bytes of all of its files."""
        return self.bytes + sum(part.bytes for part in self.parts)

    @property
    def files(self) -> tuple[Part, ...]:
        """Its files, the one of `path` last: with that it is there, without it it is not."""
        return (*self.parts, Part(self.path, self.bytes, self.sha256))


class Taken(Protocol):
    """What a system says of a copy it has just made."""

    @property
    def mark(self) -> str:
        """See `Backup.mark`."""

    @property
    def before(self) -> str:
        """The mark of the backup before, as the running system still held it ("" = none)."""

    @property
    def contents(self) -> dict[str, int]:
        """See `Backup.contents`."""

    @property
    def usual(self) -> dict[str, float]:
        """See `Backup.usual`."""

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


class Laid(Protocol):
    """A set of files that a system has just laid down: what it lays is whole, named and summed already."""

    @property
    def id(self) -> str:
        """See `Backup.id`."""

    @property
    def taken(self) -> float:
        """The instant, in seconds since 1970."""

    @property
    def parent(self) -> str:
        """See `Backup.parent`."""

    @property
    def manifest(self) -> tuple[str, int, str]:
        """The manifest's path, bytes and SHA-256."""

    @property
    def parts(self) -> tuple[tuple[str, int, str], ...]:
        """Path, bytes and SHA-256 of each file."""

    @property
    def contents(self) -> dict[str, int]:
        """See `Backup.contents`."""

    @property
    def kind(self) -> str:
        """See `Backup.kind`."""


class Sets(Protocol):
    """A system whose backup is several files of one instant: beside `DUMPS` and `check_dump` it has this."""

    def dump_set(self, system: Any, kind: str, parent: str) -> Action[Laid]:
        """Lay a set of that kind down; `parent` is the set that an increment may go on from ("" = none)."""

    def check_dump(
        self, system: Any, backup: Backup, depth: str, proved: Collection[str] = ()
    ) -> Action[Found]:
        """Check a set; of those it goes on from what is in `proved` need not be unpacked once more."""

    def list_sets(self, system: Any) -> Action[tuple[Laid, ...]]:
        """Return the sets that lie there, whatever a history says of them."""


class Dumps(Protocol):
    """A system that can be backed up: its module has these actions, each with the system's object first.

    `DUMPS` names the kinds of backup it has, each with the end of its file's name; the first is taken where
    none is named.
    """

    DUMPS: Mapping[str, str]

    def dump_needs(self, system: Any, kind: str) -> Action[int]:
        """Return how many bytes a copy of that kind may have, from above."""

    def dump(self, system: Any, into: str, name: str, kind: str) -> Action[Taken]:
        """Copy the running system to the file `into` without stopping it; `name` is the backup's id."""

    def check_dump(self, system: Any, backup: Backup, depth: str) -> Action[Found]:
        """Check a copy as deep as `opens` or `restored`."""


def dumps_of(service: Service) -> tuple[Dumps, Any]:
    """Return the module that backs up a service's system, and the system's own object.

    Raises:
        NotFound: the system has no dump; the sentence lists what it has.
    """
    subject = naming.verb(f"{service.system}.check_dump").of(service)
    return cast(Dumps, naming.system(service.system)), subject


def shut(service: Service) -> bool:
    """Return whether backups of the service are encrypted, and nothing here opens them."""
    return bool(getattr(dumps_of(service)[1], "shut", False))


def kind_of(service: Service, wanted: str) -> str:
    """Return a kind of backup of the service's system: the one wanted, or its first where none is.

    Raises:
        NotFound: it has no such kind; the sentence lists what there is.
    """
    known = dumps_of(service)[0].DUMPS
    if wanted and wanted not in known:
        hint = naming.did_you_mean(wanted, known)
        raise NotFound(f"{service.system} has no backup {wanted}.{hint} There is: {', '.join(known)}.")
    return wanted or next(iter(known))


def volume(service: Service) -> str:
    """Return the folder on the host under which its backups lie."""
    said = service.text("backup_dir", "")
    # What keeps sets names its own: where the history lies, the sets have to lie as well.
    return (said or _default_volume(service)).rstrip("/")


def _default_volume(service: Service) -> str:
    try:
        return str(getattr(dumps_of(service)[1], "backup_dir", "/backup"))
    except NotFound:
        return "/backup"
