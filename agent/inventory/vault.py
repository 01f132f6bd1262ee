"""What Ansible Vault encrypts: a file or a value, opened with the password that a reference leads to."""

from __future__ import annotations

import hashlib
import hmac
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import BadInventory
from agent.inventory.document import parse
from agent.secrets import Secret, never_show, said_once

MARK = "$ANSIBLE_VAULT"
_ROUNDS = 10_000


@dataclass(frozen=True, repr=False)
class Sealed(Secret):
    """A secret inside of what Ansible Vault encrypted, and still encrypted here.

    `cipher` is the encrypted text; `place` says where in it the secret stands, where the whole of a file
    was encrypted (() = the text is the secret).
    """

    cipher: str = ""
    place: tuple[str | int, ...] = field(default=())

    def _text(self) -> str:
        found = opened(self.cipher, self.at)
        if not self.place:
            return found
        data = parse(found, self.where).data
        for key in self.place:
            data = data[key]
        return str(data)


def sealed(cipher: str, at: str, place: tuple[str | int, ...] = ()) -> Sealed:
    """Return an encrypted value as a secret; it is opened when it is sent."""
    return Sealed("vault", at, at, cipher, place)


def opened(cipher: str, at: str) -> str:
    """Return what was encrypted (versions 1.1 and 1.2, AES256: the only ones `ansible-vault` writes).

    A password belongs to a vault id; as in Ansible every known one is tried, that of the named id first.

    Raises:
        BadInventory: it is no vault, or none of the passwords opens it.
    """
    head, _, body = cipher.strip().partition("\n")
    words = head.strip().split(";")
    try:
        if words[0] != MARK or words[1] not in ("1.1", "1.2") or words[2] != "AES256":
            raise ValueError
        salt, proof, data = (bytes.fromhex(part) for part in _unhex("".join(body.split())).split("\n"))
    except (ValueError, IndexError):
        raise BadInventory(
            f"{at}: expected what ansible-vault encrypts ({MARK};1.1;AES256 and lines of digits), "
            f"found {head[:40]!r}.",
            do="Encrypt it again with `ansible-vault encrypt`.",
        ) from None
    label = words[3] if len(words) > 3 else ""
    tried = 0
    for _, password in sorted(_passwords(at), key=lambda each: each[0] != label):
        tried += 1
        key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ROUNDS, 80)
        if hmac.compare_digest(hmac.new(key[32:64], data, "sha256").digest(), proof):
            return _decrypted(data, key[:32], key[64:], at)
    raise BadInventory(
        f"{at}: this is encrypted by Ansible Vault, and "
        + ("the vault password does not open it." if tried else "there is no vault password."),
        do="Set ANSIBLE_VAULT_PASSWORD_FILE (or ANSIBLE_VAULT_IDENTITY_LIST) to the file that holds it.",
    )


def _unhex(text: str) -> str:
    return bytes.fromhex(text).decode("ascii")


def _decrypted(data: bytes, key: bytes, counter: bytes, at: str) -> str:
    # 40 ms to import, and few inventories need it.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    plain = Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor().update(data)
    try:
        return plain[: -plain[-1]].decode()
    except (UnicodeDecodeError, IndexError):
        raise BadInventory(f"{at}: what Ansible Vault encrypted there is not text in UTF-8.") from None


def _passwords(at: str) -> Iterator[tuple[str, str]]:
    """Yield the vault ids and passwords that Ansible's own variables lead to; each is masked from now on."""
    named = [each.strip() for each in os.environ.get("ANSIBLE_VAULT_IDENTITY_LIST", "").split(",")]
    named.append(os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE", ""))
    for each in filter(None, named):
        label, _, file = each.rpartition("@")
        password = _password(Path(file).expanduser(), at)
        never_show(password)
        yield label, password


def _password(file: Path, at: str) -> str:
    try:
        if os.access(file, os.X_OK) and file.is_file():
            text = said_once([file.absolute()])
        else:
            text = file.read_text()
    except (OSError, ValueError, subprocess.SubprocessError) as problem:
        said = getattr(problem, "strerror", "") or type(problem).__name__
        raise BadInventory(f"{at}: the vault password's file {file} cannot be used: {said}.") from None
    if not text.strip():
        raise BadInventory(f"{at}: the vault password's file {file} is empty.")
    return text.strip()
