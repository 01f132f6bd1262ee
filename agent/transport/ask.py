"""What a host can be asked, as frozen values: the only vocabulary between an action and a machine.

An action is a generator that yields asks and is sent their answers:

    def count(redis: Redis) -> Action[int]:
        done: Done = yield redis.cli("DBSIZE")
        return int(done.text)

It must be deterministic in its answers: a resumed run replays the recorded ones to get back to where it
was. What it wants to know of the world, the clock included, it asks.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from agent.errors import printable
from agent.secrets import Secret, mask

T = TypeVar("T")
Action = Generator["Ask", Any, T]


@dataclass(frozen=True)
class Done:
    """How a command ended: exit code, the kept part of both outputs, and how long it took.

    `out` and `err` hold at most `Sh.keep` bytes (the first half and the last half, a line saying how much
    is missing between them); the whole of a longer output lies in the evidence file `spill`.
    """

    rc: int
    out: bytes = b""
    err: bytes = b""
    seconds: float = 0.0
    spill: str = ""

    @property
    def text(self) -> str:
        """Standard output as text, bytes that are not UTF-8 kept as surrogate escapes, stripped."""
        return self.out.decode("utf-8", "surrogateescape").strip()

    @property
    def complaint(self) -> str:
        """The last line of standard error, or of standard output where that is empty: for a sentence."""
        lines = (self.err or self.out).decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else "(no output)"


@dataclass(frozen=True)
class Sh:
    """Run a command.

    `argv` is quoted by the road, never by the caller: `Sh("cp", "-a", src, dst)`. `script` marks
    argv[0] as text for `sh -c`, the rest being its $1, $2, ...
    `ok` are the exit codes that do not mean failure. `sudo` runs it as root (or as the named user).
    `stdin` is what it reads; `secrets` become environment variables that never stand in an argv (they
    travel by stdin). `timeout` in seconds ends the whole process group on the host.
    `changes` says in words what the command alters; empty means it only reads. A changing command runs
    once: a lost connection or a killed agent re-attaches to it by its job. `again` says what to do
    where even that cannot tell whether it was finished: `safe` (do it again) or `ask` (stop and say so).
    `supposing` is the answer a preview goes on with.
    """

    argv: tuple[str, ...]
    ok: tuple[int, ...] = (0,)
    script: bool = False
    sudo: bool | str = False
    stdin: bytes = b""
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    timeout: float = 60.0
    changes: str = ""
    again: Literal["safe", "ask"] = "ask"
    supposing: Done | None = None
    keep: int = 1_000_000

    def __init__(self, *argv: str | Path, **options: Any) -> None:
        """Take the words of the command as positional arguments, everything else by name."""
        object.__setattr__(self, "argv", tuple(str(word) for word in argv))
        for name, default in _SH_DEFAULTS.items():
            object.__setattr__(self, name, options.pop(name, default))
        if options:
            raise TypeError(f"Sh has no option {', '.join(sorted(options))}")
        if not self.argv:
            raise TypeError("Sh needs a command")

    def __str__(self) -> str:
        """The command as a person would type it, secrets masked, a script by its first line."""
        if self.script:
            first, *rest = self.argv
            lines = first.strip().splitlines()
            head = lines[0] + (" …" if len(lines) > 1 else "")
            return mask(" ".join([head, *map(shlex.quote, rest)]))
        return mask(shlex.join(self.argv))


_SH_DEFAULTS: dict[str, Any] = {
    "ok": (0,),
    "script": False,
    "sudo": False,
    "stdin": b"",
    "secrets": {},
    "timeout": 60.0,
    "changes": "",
    "again": "ask",
    "supposing": None,
    "keep": 1_000_000,
}


@dataclass(frozen=True)
class Put:
    """Write a file as a whole or not at all (temporary name, fsync, rename). Doing it twice is safe."""

    path: str
    content: bytes
    mode: int = 0o644
    owner: str = ""
    sudo: bool = False
    timeout: float = 60.0

    @property
    def changes(self) -> str:
        """What it alters, in words."""
        return f"writes {self.path}"

    def __str__(self) -> str:
        return mask(f"put {self.path} ({len(self.content)} bytes, mode {self.mode:o})")


@dataclass(frozen=True)
class Get:
    """Read a file; the answer is its bytes. More than `limit` bytes is an error, not a cut."""

    path: str
    sudo: bool = False
    limit: int = 16_000_000
    timeout: float = 60.0
    changes: str = ""

    def __str__(self) -> str:
        return mask(f"get {self.path}")


@dataclass(frozen=True)
class Clock:
    """Read the host's clock; the answer is seconds since 1970 in UTC, as a float."""

    changes: str = ""

    def __str__(self) -> str:
        return "read the host's clock"


@dataclass(frozen=True)
class Until:
    """Ask the same thing until its answer is accepted; the answer is the accepted one.

    `every` and `within` are seconds; `what` names the awaited state. A road answers `NotInTime` past
    `within`, with the last answer in the sentence. Only reading asks can be repeated.
    """

    ask: Sh
    accept: Callable[[Done], bool]
    what: str
    every: float = 0.1
    within: float = 60.0
    changes: str = ""
    supposing: Done | None = None

    def __str__(self) -> str:
        return f"wait until {self.what}"


@dataclass(frozen=True)
class Note:
    """Tell the operator something worth a line on the screen and in the journal; the answer is None."""

    text: str
    changes: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))

    def __str__(self) -> str:
        return mask(self.text)


Ask = Sh | Put | Get | Clock | Until | Note
Answer = Done | bytes | float | None


def digest(ask: Ask) -> str:
    """Return a short fingerprint of what is asked, the same in every process, without any secret in it."""
    parts: list[object] = [type(ask).__name__]
    match ask:
        case Sh():
            parts += [ask.argv, ask.sudo, hashlib.sha256(ask.stdin).hexdigest(), sorted(ask.secrets)]
        case Put():
            parts += [ask.path, hashlib.sha256(ask.content).hexdigest(), ask.mode, ask.owner]
        case Get():
            parts += [ask.path]
        case Until():
            parts += [digest(ask.ask), ask.what]
        case Note() | Clock():
            pass
    return hashlib.sha256(mask(repr(parts)).encode()).hexdigest()[:16]
