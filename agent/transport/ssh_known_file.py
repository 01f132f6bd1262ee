"""What the lines of a known_hosts file say, read as OpenSSH reads them: markers, patterns, hashed names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from agent.errors import BadInventory

AUTHORITY = "@cert-authority"
REVOKED = "@revoked"


@dataclass(frozen=True)
class KnownKey:
    """One line: a key, the names it is of, and the marker before it ("" = it is a host's own key)."""

    marker: str
    names: tuple[str, ...]
    kind: str
    blob: bytes
    file: Path

    def is_of(self, name: str) -> bool:
        """Whether the line is about the host of that name; one pattern with a `!` that fits says no."""
        fits = False
        for pattern in self.names:
            if _fits(pattern.removeprefix("!"), name.lower()):
                if pattern.startswith("!"):
                    return False
                fits = True
        return fits


def keys_in(file: Path) -> tuple[KnownKey, ...]:
    """Return the keys in a file; one that does not exist has none.

    Raises:
        BadInventory: it cannot be read, or a line is no key: it might revoke the very key another line knows.
    """
    try:
        about = file.stat()
    except OSError:
        return ()
    return _parse(os.fspath(file), about.st_mtime_ns, about.st_size)


@cache
def _parse(file: str, stamp: int, size: int) -> tuple[KnownKey, ...]:
    del stamp, size
    try:
        lines = Path(file).read_bytes().decode(errors="replace").splitlines()
    except OSError as error:
        raise BadInventory(f"{file} cannot be read: {error}.") from None
    return tuple(
        _key(line.split(), Path(file), number)
        for number, line in enumerate(lines, 1)
        if line.strip() and not line.lstrip().startswith("#")
    )


def _key(words: list[str], file: Path, number: int) -> KnownKey:
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in ("", AUTHORITY, REVOKED):
        raise BadInventory(
            f"{file}:{number}: expected a host's key, {AUTHORITY} or {REVOKED}, found the marker {marker!r}.",
            do="Correct the line; what it was to say about a key is not passed over.",
        )
    try:
        names, kind, key = words[:3]
        blob = base64.b64decode(key, validate=True)
    except (ValueError, binascii.Error):
        blob, names, kind = b"", "", ""
    if not blob or blob[4 : 4 + int.from_bytes(blob[:4])] != kind.encode():
        raise BadInventory(
            f"{file}:{number} is not a key: expected names, the kind of key and the key itself in base64.",
            do="Correct the line or take it out; what it was to say about a key is not passed over.",
        )
    return KnownKey(marker, tuple(names.split(",")), kind, blob, file)


def _fits(pattern: str, name: str) -> bool:
    if pattern.startswith("|1|"):
        salt, _, digest = pattern.removeprefix("|1|").partition("|")
        try:
            made = hmac.new(base64.b64decode(salt), name.encode(), hashlib.sha1).digest()
            return hmac.compare_digest(made, base64.b64decode(digest))
        except binascii.Error:
            return False
    return bool(_pattern(pattern.lower()).fullmatch(name))


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in text))
