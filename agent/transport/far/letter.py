"""What controller and worker say to each other: frozen values, pickled into one call and shown nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from agent import errors
from agent.errors import BadInventory, Defect, DrillyardError
from agent.inventory.model import Host
from agent.secrets import Secret
from agent.transport.ask import Get, Put, Sh


@dataclass(frozen=True, repr=False)
class Carried(Secret):
    """A secret on its way to a worker, which cannot look up the controller's references.

    It holds the text, and shows the reference as before. `trouble` is why there is no text.
    """

    text: str = field(default="", compare=False)
    trouble: str = ""

    @classmethod
    def of(cls, secret: Secret) -> Carried:
        """Look a secret up, here and now; a reference that leads nowhere is told where it is needed."""
        try:
            return cls(secret.kind, secret.where, secret.at, secret.reveal())
        except BadInventory as error:
            return cls(secret.kind, secret.where, secret.at, trouble=str(error))

    def _text(self) -> str:
        if self.trouble:
            raise BadInventory(self.trouble)
        return self.text


@dataclass(frozen=True, repr=False)
class Learn:
    """Keep these host keys under their digest: what the controller's known_hosts files hold."""

    digest: str
    content: bytes


@dataclass(frozen=True, repr=False)
class Open:
    """Open a road to `host`, trusting the keys of that digest ("" = the worker's own known_hosts).

    `shown` is how an error names their file; `spills` says whether long outputs are wanted whole.
    """

    host: Host
    digest: str
    shown: str
    spills: bool


@dataclass(frozen=True, repr=False)
class Run:
    """Run a command; see `Road.run`."""

    ask: Sh
    job: str


@dataclass(frozen=True, repr=False)
class Clock:
    """Read the host's clock."""


@dataclass(frozen=True, repr=False)
class Forget:
    """Remove the files of a run's jobs."""

    run: str


@dataclass(frozen=True, repr=False)
class Piece:
    """Hand over `size` bytes of a long output from `offset` on, or remove it where `size` is 0."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, repr=False)
class Close:
    """Let go of the road."""


Work = Learn | Open | Run | Put | Get | Clock | Forget | Piece | Close


@dataclass(frozen=True, repr=False)
class Letter:
    """One thing wanted of a worker. `work` None asks how the `n`-th of this road is going.

    The worker answers within about `wait` seconds, if only to say that it is still at it.
    """

    road: str
    n: int
    work: Work | None
    wait: float = 5.0

    def __repr__(self) -> str:
        return f"<letter {self.n} of {self.road}>"


@dataclass(frozen=True, repr=False)
class Reply:
    """What came of it. `no road`: the worker knows nothing of it; `no keys`: it has to learn them first.

    `kind`, `sentence` and `do` are an error of ours; `spilled` the names and sizes of long outputs.
    """

    state: Literal["done", "at it", "failed", "no road", "no keys"]
    value: Any = None
    kind: str = ""
    sentence: str = ""
    do: str = ""
    spilled: tuple[tuple[str, int], ...] = ()

    def __repr__(self) -> str:
        return f"<reply: {self.state}>"

    @classmethod
    def failed(cls, error: Exception) -> Reply:
        """Return an error as a value; one that is not ours is a defect."""
        if isinstance(error, DrillyardError):
            return cls("failed", kind=type(error).__name__, sentence=error.sentence, do=error.do)
        return cls("failed", kind=Defect.__name__, sentence=f"{type(error).__name__}: {error}")

    def error(self) -> DrillyardError:
        """Return the error that was met, of the kind it had on the worker."""
        kind = getattr(errors, self.kind, Defect)
        error: DrillyardError = kind(self.sentence, do=self.do)
        return error
