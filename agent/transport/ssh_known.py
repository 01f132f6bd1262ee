"""The host keys we know, and the sentence for one we do not know, no longer recognise, or may not trust."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import paramiko

from agent.errors import HostKeyRefused
from agent.transport.ssh_known_file import AUTHORITY, REVOKED, KnownKey, keys_in

_RSA = ("rsa-sha2-512", "rsa-sha2-256")


class HostKeys(paramiko.MissingHostKeyPolicy):
    """What the known_hosts files say of one host; no key passes that they do not know as its own."""

    def __init__(self, host: str, files: list[Path], where: tuple[str, int], alias: str = "") -> None:
        """`files` are read in order; `where` is address and port; `alias` stands for both (HostKeyAlias).

        Raises:
            BadInventory: a file cannot be read.
        """
        self._host = host
        self._first = files[0]
        self._where = where
        self._name = alias or entry(*where)
        every = [key for file in files for key in keys_in(file)]
        exact = [key for key in every if key.is_of(self._name)]
        # As in ssh a host on another port may stand there without it, and is not held to that line.
        portless = where[0] if not alias and self._name != where[0] else ""
        plain = [key for key in every if portless and key.is_of(portless) and key not in exact]
        about = exact + plain
        self._revoked = [key for key in about if key.marker == REVOKED]
        self._authorities = [key for key in about if key.marker == AUTHORITY]
        gone = {key.blob for key in self._revoked}
        self._exact = [key for key in exact if not key.marker]
        self._known = self._exact or [key for key in plain if not key.marker]
        self._kinds = {kind for key in self._known if key.blob not in gone for kind in _algorithms(key.kind)}

    def prefer(self, transport: paramiko.Transport) -> None:
        """Have a connection ask for the kinds of key that we know of this host before others."""
        settings = transport.get_security_options()
        settings.key_types = tuple(sorted(settings.key_types, key=lambda kind: kind not in self._kinds))

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Judge the key a host shows; called by paramiko for every one, as it is told of none.

        Raises:
            HostKeyRefused: it is revoked, unknown, or another than the one we know.
        """
        del client, hostname
        shown = key.asbytes()
        for revoked in self._revoked:
            if revoked.blob == shown:
                raise self._is_revoked(key, revoked)
        if any(known.blob == shown for known in self._known):
            return
        if self._exact:
            same = [known for known in self._exact if known.kind == key.get_name()]
            raise self._has_changed(key, (same or self._exact)[0])
        raise self._is_certified(key) if self._authorities else self._is_unknown(key)

    def _is_revoked(self, key: paramiko.PKey, line: KnownKey) -> HostKeyRefused:
        known = any(other.blob == line.blob for other in self._known)
        also = ", though another line still knows it" if known else ""
        return HostKeyRefused(
            f"{self._host}: the key of {self._name} is REVOKED: it shows {_shown(key)}, and {line.file} "
            f"has a line {REVOKED} for that key{also}. Somebody else may hold it: this may be their machine.",
            do="Ask who revoked it, and give the host a new key; compare that on the host's own console; "
            f"only then: {self._scan()} >> {self._first}",
        )

    def _is_unknown(self, key: paramiko.PKey) -> HostKeyRefused:
        return HostKeyRefused(
            f"{self._host}: the key of {self._name} is unknown: it shows {_shown(key)}, "
            f"and {self._first} has no line for it.",
            do=f"Compare the fingerprint with the host's own (there: ssh-keygen -lf {_on_host(key)}); "
            f"where they agree: {self._scan()} >> {self._first}",
        )

    def _is_certified(self, key: paramiko.PKey) -> HostKeyRefused:
        address, port = self._where
        file = self._authorities[0].file
        alias = "" if self._name == entry(address, port) else f"-o HostKeyAlias={self._name} "
        strictly = f"-o StrictHostKeyChecking=yes -o UserKnownHostsFile={file} {alias}"
        return HostKeyRefused(
            f"{self._host}: the key of {self._name} is unknown: it shows {_shown(key)}, and "
            f"{file} knows only an authority ({AUTHORITY}) that may have certified it. "
            "Certificates of hosts cannot be checked here: the SSH library (paramiko) does not read them.",
            do="Let ssh check the certificate and write down the key: "
            f"ssh {strictly}{f'-p {port} ' if port != 22 else ''}{address} cat {_on_host(key)} "
            f"| sed 's/^/{self._name} /' >> {self._first}",
        )

    def _has_changed(self, key: paramiko.PKey, known: KnownKey) -> HostKeyRefused:
        return HostKeyRefused(
            f"{self._host}: the key of {self._name} has CHANGED: {known.file} knows "
            f"{_fingerprint(known.kind, known.blob)}, the host shows {_shown(key)}. "
            "It is another machine, a newly installed one, or somebody in between.",
            do=f"Find out who changed it and compare the fingerprint on the host's own console; only then: "
            f"ssh-keygen -R '{self._name}' -f {known.file} && {self._scan()} >> {known.file}",
        )

    def _scan(self) -> str:
        address, port = self._where
        scan = f"ssh-keyscan {f'-p {port} ' if port != 22 else ''}{address}"
        return scan if self._name == entry(address, port) else f"{scan} | sed 's/^[^# ]*/{self._name}/'"


def entry(address: str, port: int) -> str:
    """Return how known_hosts writes a host."""
    return address if port == 22 else f"[{address}]:{port}"


def _algorithms(kind: str) -> tuple[str, ...]:
    return _RSA if kind == "ssh-rsa" else (kind,)


def _shown(key: paramiko.PKey) -> str:
    return _fingerprint(key.get_name(), key.asbytes())


def _fingerprint(kind: str, blob: bytes) -> str:
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return f"{_short(kind)} SHA256:{digest}"


def _on_host(key: paramiko.PKey) -> str:
    return f"/etc/ssh/ssh_host_{_short(key.get_name())}_key.pub"


def _short(kind: str) -> str:
    return kind.removeprefix("ssh-").split("-")[0]
