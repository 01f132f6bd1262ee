"""Tokens: who may call the API and what for; the file holds hashes, and the token itself is shown once."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from agent.errors import BadInventory, NotFound, Usage

SCOPES = ("read", "backup", "restore")
"""What a token may be for: to look, to have a backup taken, to have one put back. None implies another."""

_VERSION = 1
_TEXT = re.compile(r"dy_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}")
_NOBODY = hashlib.sha256(b"nobody's").hexdigest()


@dataclass(frozen=True)
class Token:
    """One token: `hash` is the SHA-256 of its text; `made` and `expires` are UTC ("" = never)."""

    id: str
    name: str
    scopes: tuple[str, ...]
    hash: str
    made: str
    expires: str = ""

    def is_over(self, now: datetime) -> bool:
        """Whether its time is over; `now` has its zone."""
        return bool(self.expires) and datetime.fromisoformat(self.expires) <= now

    def __str__(self) -> str:
        return f"{self.name} ({self.id})"


@dataclass(frozen=True)
class _File:
    version: int
    tokens: tuple[Token, ...]


class Tokens:
    """The file of tokens; a change of it holds from the next call on, without a restart."""

    def __init__(self, path: Path) -> None:
        """`path` need not be there yet."""
        self.path = path
        self._seen: tuple[int, ...] = ()
        self._known: tuple[Token, ...] = ()
        self._reading = threading.Lock()

    def add(self, name: str, scopes: tuple[str, ...], days: int = 0) -> tuple[Token, str]:
        """Make a token and keep its hash; return it and its text, which is nowhere kept. `days` 0 = no end.

        Raises:
            Usage: the name is taken or none, or a scope is unknown.
        """
        unknown = [each for each in scopes if each not in SCOPES]
        if unknown or not scopes:
            raise Usage(f"Expected scopes among {', '.join(SCOPES)}, found {', '.join(unknown) or 'none'}.")
        if not _NAME.fullmatch(name):
            raise Usage(f"Expected a name of letters, digits, . _ @ and -, found {name!r}.")
        now = datetime.now(UTC)
        identity = secrets.token_hex(6)
        text = f"dy_{identity}_{secrets.token_urlsafe(32)}"
        expires = (now + timedelta(days=days)).isoformat(timespec="seconds") if days else ""
        ordered = tuple(each for each in SCOPES if each in scopes)
        made = now.isoformat(timespec="seconds")
        token = Token(identity, name, ordered, _hash(text), made, expires)

        def with_it(known: tuple[Token, ...]) -> tuple[Token, ...]:
            if any(each.name == name for each in known):
                raise Usage(
                    f"There is a token {name} already.", do="Revoke it first, or choose another name."
                )
            return (*known, token)

        self._change(with_it)
        return token, text

    def revoke(self, name: str) -> Token:
        """Take the token of that name or id out of the file.

        Raises:
            NotFound: there is none; the sentence lists what there is.
        """
        gone: list[Token] = []

        def without(known: tuple[Token, ...]) -> tuple[Token, ...]:
            gone.extend(each for each in known if name in (each.name, each.id))
            if not gone:
                listed = ", ".join(each.name for each in known) or "none"
                raise NotFound(f"There is no token {name}; there is: {listed}.")
            return tuple(each for each in known if each not in gone)

        self._change(without)
        return gone[0]

    def read(self) -> tuple[Token, ...]:
        """Return the tokens of the file; none where there is no file.

        Raises:
            BadInventory: it cannot be read, is not sound, or others could write or read it.
        """
        with self._reading:
            try:
                with self.path.open("rb") as file:
                    found = os.fstat(file.fileno())
                    seen = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode)
                    if seen != self._seen:
                        self._refuse_open(found.st_mode)
                        self._known = _decoded(self.path, file.read())
                        self._seen = seen
            except FileNotFoundError:
                self._known, self._seen = (), ()
            except OSError as error:
                raise BadInventory(f"{self.path}: the tokens cannot be read: {error.strerror}.") from None
            return self._known

    def holder(self, text: str) -> Token | None:
        """Return whose token a text is, or None; how long that takes says nothing of what is kept.

        Raises:
            BadInventory: as `read`.
        """
        shaped = _TEXT.fullmatch(text)
        named = shaped[1] if shaped else ""
        known = {each.id: each for each in self.read()}
        token = known.get(named)
        same = hmac.compare_digest(_hash(text), token.hash if token else _NOBODY)
        return token if same else None

    def _refuse_open(self, mode: int) -> None:
        if mode & 0o027:
            raise BadInventory(
                f"{self.path}: expected that only its owner writes it and nobody else reads it, "
                f"found mode {mode & 0o777:o}.",
                do=f"chmod 600 {self.path}, and revoke what you do not know.",
            )

    def _change(self, how: Callable[[tuple[Token, ...]], tuple[Token, ...]]) -> None:
        """Write what `how` makes of the present tokens: whole or not at all, one writer at a time."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(self.path.parent) as folder:
            kept = how(self.read())
            content = msgspec.json.format(msgspec.json.encode(_File(_VERSION, kept)), indent=1)
            partial = self.path.with_name(f".{self.path.name}.new")
            partial.unlink(missing_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content + b"\n")
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
            os.fsync(folder)


@contextmanager
def _alone(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _decoded(path: Path, content: bytes) -> tuple[Token, ...]:
    try:
        found = msgspec.json.decode(content, type=_File)
        for each in found.tokens:
            if each.expires and datetime.fromisoformat(each.expires).tzinfo is None:
                raise ValueError(f"the end of {each.name} has no zone")
    except (msgspec.DecodeError, ValueError) as error:
        raise BadInventory(f"{path}: expected a file of tokens, found that {error}.") from None
    if found.version != _VERSION:
        raise BadInventory(f"{path}: expected tokens of version {_VERSION}, found {found.version}.")
    return found.tokens


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
