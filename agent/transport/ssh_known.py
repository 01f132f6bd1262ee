"""The host keys we know, and the sentence for one we do not know or no longer recognise."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import paramiko
from paramiko.hostkeys import InvalidHostKey

from agent.errors import BadInventory, HostKeyRefused


class HostKeys:
    """The known_hosts files that hold for one host."""

    def __init__(self, host: str, files: list[Path]) -> None:
        """`files` are read in order; one that does not exist knows nobody."""
        self._host = host
        self._files = files

    def teach(self, client: paramiko.SSHClient, address: str, port: int) -> None:
        """Give a client the keys of this host alone, so that it asks for the type we know."""
        name, taught = entry(address, port), client.get_host_keys()
        for file in self._files:
            for kind, key in (_read(file).lookup(name) or {}).items():
                if kind not in (taught.lookup(name) or {}):
                    taught.add(name, kind, key)

    def unknown(self, name: str, key: paramiko.PKey) -> HostKeyRefused:
        """Return the error for a host that stands in no file."""
        file = self._files[0]
        return HostKeyRefused(
            f"{self._host}: the key of {name} is unknown: it shows {_print(key)}, "
            f"and {file} has no line for it.",
            do=f"Compare the fingerprint with the host's own (there: ssh-keygen -lf "
            f"/etc/ssh/ssh_host_{_short(key)}_key.pub); where they agree: {_scan(name)} >> {file}",
        )

    def changed(self, address: str, port: int, key: paramiko.PKey, expected: paramiko.PKey) -> HostKeyRefused:
        """Return the error for a host whose key is another than the one we know."""
        file, name = self._files[0], entry(address, port)
        return HostKeyRefused(
            f"{self._host}: the key of {name} has CHANGED: {file} knows {_print(expected)}, the host shows "
            f"{_print(key)}. It is another machine, a newly installed one, or somebody in between.",
            do=f"Find out who changed it and compare the fingerprint on the host's own console; only then: "
            f"ssh-keygen -R '{name}' -f {file} && {_scan(name)} >> {file}",
        )


class Strict(paramiko.MissingHostKeyPolicy):
    """Let no unknown host pass."""

    def __init__(self, known: HostKeys) -> None:
        """`known` words the refusal."""
        self._known = known

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        """Refuse; called by paramiko where no file has a line for the host."""
        del client
        raise self._known.unknown(hostname, key)


def entry(address: str, port: int) -> str:
    """Return how known_hosts writes a host."""
    return address if port == 22 else f"[{address}]:{port}"


def _read(file: Path) -> paramiko.HostKeys:
    try:
        stamp = file.stat().st_mtime_ns
    except OSError:
        return paramiko.HostKeys()
    return _parse(os.fspath(file), stamp)


@cache
def _parse(file: str, stamp: int) -> paramiko.HostKeys:
    del stamp
    try:
        return paramiko.HostKeys(file)
    except (OSError, paramiko.SSHException, InvalidHostKey) as error:
        said = f"its line {error.line.strip()!r} is not a key" if isinstance(error, InvalidHostKey) else error
        raise BadInventory(
            f"{file} cannot be read: {said}.",
            do="Markers (@cert-authority, @revoked) are not understood: name a file without them as "
            "drillyard_known_hosts or UserKnownHostsFile.",
        ) from None


def _print(key: paramiko.PKey) -> str:
    return f"{_short(key)} {key.fingerprint}"


def _short(key: paramiko.PKey) -> str:
    return key.get_name().removeprefix("ssh-").split("-")[0]


def _scan(name: str) -> str:
    address, _, port = name.strip("[").partition("]:")
    return f"ssh-keyscan {f'-p {port} ' if port else ''}{address}"
