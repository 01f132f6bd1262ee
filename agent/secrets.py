"""A secret is a reference until the moment it is sent, and a mask everywhere else."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from agent.errors import BadInventory

MASK = "••••"
_LINE = 8

_seen: set[str] = set()
_lock = threading.Lock()


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
            done = subprocess.run(
                shlex.split(self.where), capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BadInventory(
                f"{self.at}: the secret's command did not run: {type(error).__name__}."
            ) from None
        if done.returncode:
            raise BadInventory(f"{self.at}: the secret's command ended with code {done.returncode}.")
        return done.stdout.rstrip("\n")

    def __repr__(self) -> str:
        return f"Secret(!{self.kind} {self.where})"


def never_show(text: str) -> None:
    """Mask a text from now on in everything we write."""
    with _lock:
        _seen.add(text)


def _forms() -> list[str]:
    """Every way a revealed secret may stand in a text: plain, quoted for a shell, escaped by JSON or repr."""
    with _lock:
        known = set(_seen)
    # Of a key or certificate a single line is already too much.
    known |= {line for secret in known if "\n" in secret for line in secret.split("\n") if len(line) >= _LINE}
    # Our journal escapes what is not ASCII, our audit and screens do not.
    known |= {json.dumps(secret, ensure_ascii=ascii_)[1:-1] for secret in known for ascii_ in (True, False)}
    known |= {repr(secret)[1:-1] for secret in known}
    known |= {shlex.quote(secret)[1:-1] for secret in known if shlex.quote(secret) != secret}
    return sorted(known, key=len, reverse=True)


def mask(text: str) -> str:
    """Return `text` with every secret revealed so far replaced by dots."""
    for form in _forms():
        text = text.replace(form, MASK)
    return text


def mask_bytes(data: bytes) -> bytes:
    """Return `data` with every secret revealed so far replaced by dots."""
    for form in _forms():
        data = data.replace(form.encode("utf-8", "surrogateescape"), MASK.encode())
    return data
