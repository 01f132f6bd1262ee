"""Passwords, kept as scrypt hashes: what it costs to try one is paid by whoever guesses, too."""

from __future__ import annotations

import hashlib
import hmac
import os

_N, _R, _P = 2**14, 8, 1  # 16 MiB and some 40 ms a try


def hashed(password: str) -> str:
    """Return a salted hash with its parameters, so that they can be raised without anybody noticing."""
    salt = os.urandom(16)
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${_scrypt(password, salt, _N, _R, _P).hex()}"


def matches(password: str, kept: str) -> bool:
    """Say whether a password is the one that was hashed; takes the same time either way."""
    _kind, n, r, p, salt, digest = kept.split("$")
    tried = _scrypt(password, bytes.fromhex(salt), int(n), int(r), int(p))
    return hmac.compare_digest(tried, bytes.fromhex(digest))


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=2**26)


NOBODY = hashed(os.urandom(16).hex())
"""What is tried where there is no such user, so that the time taken does not tell who is one."""
