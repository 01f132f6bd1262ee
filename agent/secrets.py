"""A secret is a reference until the moment it is sent, and a mask everywhere else."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from agent.errors import BadInventory

MASK = "••••"
_LINE = 8

_seen: set[str] = set()
_lock = threading.Lock()
_said: dict[tuple[str, ...], str] = {}
_asking = threading.Lock()
_PATIENCE = 30.0


@dataclass(frozen=True)
class Secret:
    """A password that is known by where it lies, never by what it is.

    `kind` is env, file or command; `where` the variable, path or command line; `at` the place in the
    inventory that names it, for errors.
    """

    kind: str
    where: str
    at: str = ""

    def reveal(self) -> str:
        """Return the secret's text, and mask it from now on in everything we write.

        Raises:
            BadInventory: the reference leads nowhere, or to an empty text.
        """
        text = self._text()
        if not text:
            raise BadInventory(f"{self.at}: the secret !{self.kind} {self.where} is empty.")
        never_show(text)
        return text

    def _text(self) -> str:
        return {"env": self._from_env, "file": self._from_file, "command": self._from_command}[self.kind]()

    def _from_env(self) -> str:
        try:
            return os.environ[self.where]
        except KeyError:
            raise BadInventory(
                f"{self.at}: the variable {self.where} is not set.", do=f"Set {self.where} and run again."
            ) from None

    def _from_file(self) -> str:
        try:
            return Path(self.where).expanduser().read_text().rstrip("\n")
        except OSError as error:
            raise BadInventory(
                f"{self.at}: the secret's file {self.where} cannot be read: {error.strerror}."
            ) from None

    def _from_command(self) -> str:
        try:
            return said_once(shlex.split(self.where)).rstrip("\n")
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            why = f"did not run: {type(error).__name__}"
            if isinstance(error, subprocess.CalledProcessError):
                why = f"ended with code {error.returncode}"
            raise BadInventory(f"{self.at}: the secret's command {why}.") from None

    @property
    def reference(self) -> str:
        """What names it, as an inventory or a command line writes it: `!env NAME`."""
        return f"!{self.kind} {self.where}"

    def __repr__(self) -> str:
        return f"Secret({self.reference})"


def said_once(argv: Sequence[str | Path]) -> str:
    """Return what a program prints; it is run once a process, whoever asks for it again.

    A program may ask a person or a service that counts, and every reveal would do so anew. It reads nothing
    of our own input, and has 30 s.

    Raises:
        OSError, subprocess.SubprocessError, ValueError: it did not run, failed, hung, or said no text.
    """
    key = tuple(map(str, argv))
    with _asking:
        if key not in _said:
            _said[key] = _said_by(argv)
        return _said[key]


def _said_by(argv: Sequence[str | Path]) -> str:
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as program:
        try:
            out, _ = program.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            program.kill()
            # What it started may hold its outputs open for as long as it likes.
            for each in (program.stdout, program.stderr):
                if each:
                    each.close()
            raise
    if program.returncode:
        raise subprocess.CalledProcessError(program.returncode, str(argv[0]))
    return out.decode()


def never_show(text: str) -> None:
    """Mask a text from now on in everything we write."""
    with _lock:
        _seen.add(text)


def _forms() -> tuple[str, ...]:
    """Every way a revealed secret may stand in a text: plain, quoted for a shell, escaped by JSON or repr."""
    with _lock:
        known = frozenset(_seen)
    return _forms_of(known)


@lru_cache(maxsize=1)
def _forms_of(secrets: frozenset[str]) -> tuple[str, ...]:
    known = set(secrets)
    # Of a key or certificate a single line is already too much.
    known |= {line for secret in known if "\n" in secret for line in secret.split("\n") if len(line) >= _LINE}
    # Our journal escapes what is not ASCII, our audit and screens do not.
    known |= {json.dumps(secret, ensure_ascii=ascii_)[1:-1] for secret in known for ascii_ in (True, False)}
    known |= {repr(secret)[1:-1] for secret in known}
    known |= {shlex.quote(secret)[1:-1] for secret in known if shlex.quote(secret) != secret}
    return tuple(sorted(known, key=len, reverse=True))


def mask(text: str) -> str:
    """Return `text` with every secret revealed so far replaced by dots."""
    for form in _forms():
        text = text.replace(form, MASK)
    return text


def mask_failure(sentence: str) -> str:
    """Return the masked reason of a failure, and what to do where masking may itself be the reason.

    A secret is masked in what hosts answer as well. One that is also an ordinary word takes words out of
    their answers, and a page that needs one of those stops.
    """
    masked = mask(sentence)
    with _lock:
        ordinary = any(len(text) < _LINE or (text.isalpha() and text.islower()) for text in _seen)
    if not (ordinary and MASK in masked):
        return masked
    return (
        f"{masked.rstrip('.')}. {MASK} stands for a secret, and one of the secrets is short or an ordinary "
        "word, so other words of the answer may be hidden by it. Give that service a longer password and run "
        "again."
    )


def mask_bytes(data: bytes) -> bytes:
    """Return `data` with every secret revealed so far replaced by dots."""
    for form in _forms():
        data = data.replace(form.encode("utf-8", "surrogateescape"), MASK.encode())
    return data
