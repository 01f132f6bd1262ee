"""A fresh SSH key pair for one stack: nobody else's, and gone with it."""

from __future__ import annotations

import secrets
from pathlib import Path


def make_key(file: Path) -> str:
    """Write a new Ed25519 private key to `file` (mode 0600) and return the line for authorized_keys."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    write_private(file, private)
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return f"{public.decode()} drillyard"


def make_password(file: Path) -> str:
    """Write a new password to `file` (mode 0600) and return it: letters and digits, 160 bits."""
    password = secrets.token_hex(20)
    write_private(file, password.encode())
    return password


def write_private(file: Path, content: bytes) -> None:
    """Write a file that nobody but us can read, not even for a moment."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_bytes(content)
