"""Where copies of backups go: a folder of the host (a mounted share), another host by rsync, an S3 bucket."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from agent.backup.bucket import Bucket
from agent.errors import BadInventory
from agent.inventory.load import Load
from agent.inventory.model import Service
from agent.transport.ask import Done, Sh

_SUM = """\
# checksum of the copy
if [ ! -e "$1" ]; then echo none; else sha256sum <"$1" | cut -d' ' -f1; fi
"""
_NAME = """\
# durable, and then under its name
set -eu
sync "$1"
mv "$1" "$2"
sync "${2%/*}"
"""
_WRITE = """\
# write a small file whole or not at all
set -eu
umask 027
mkdir -p "${1%/*}"
cat >"$1.new"
sync "$1.new"
mv "$1.new" "$1"
"""
_LIST = """\
# what lies there
if [ -d "$1" ]; then find "$1" -maxdepth 1 -type f -name '*.json' -exec cat {} +; fi
"""
_COPY = """\
# copy to the share
set -eu
umask 027
mkdir -p "${2%/*}"
if [ "$3" = 0 ]; then
  cp --reflink=auto "$1" "$2"
else
  rsync --inplace --whole-file --bwlimit="$3" "$1" "$2"
fi
"""
_REMOVE = """\
# remove copies
set -eu
for path; do rm -f -- "$path"; done
"""
# What came stays, and is gone on with; a disk that is full, or a wrong key, is no reason to come again.
_AGAIN = """\
# bring a file here, also where the line breaks in between
for pause in 2 10 30 60 -; do
  "$@" && exit 0
  code=$?
  case $code in 10 | 12 | 30 | 35 | 255) ;; *) exit "$code" ;; esac
  [ "$pause" = - ] || sleep "$pause"
done
exit "$code"
"""
_FOLDER = """\
# the folder it goes to
set -eu
umask 027
mkdir -p "$1"
"""
_HOURS = 6 * 3600.0


class Store(Protocol):
    """A place that holds copies: every ask goes to the host whose backups they are.

    A copy is sent under a name of its own and named rightly only when the checksum that was made of it at
    the far end is the right one. Paths are those at the far end, below `root`.

    Where copies are `whole`, one that is under its name is never half a copy: there are no folders to make,
    no other names, nothing is removed, as whoever sends is not let, and `send` answers with the checksum of
    what lies there.
    """

    whole: ClassVar[bool]

    @property
    def name(self) -> str:
        """What the history calls it, and the inventory."""

    @property
    def root(self) -> str:
        """The folder at the far end under which everything lies."""

    def make(self, folder: str) -> Sh:
        """Make a folder there; print what is unsafe about the place, if anything is."""

    def send(self, source: str, to: str, sha256: str) -> Sh:
        """Copy the host's file `source` to `to`; what an interrupted try left there is gone on with.

        A preview supposes that `sha256` arrives.
        """

    def receive(self, path: str, into: str, sha256: str = "") -> Sh:
        """Copy `path` from there to the host's file `into`: of several versions the one of that checksum."""

    def checksum(self, path: str, supposing: str = "none") -> Sh:
        """Make the SHA-256 of a file there of its very bytes, never of what was said when it was sent.

        `none` where it is not there; a preview goes on `supposing`.
        """

    def name_it(self, partial: str, path: str) -> Sh:
        """Give a file there its name, once it is on the disk."""

    def write(self, path: str, content: bytes) -> Sh:
        """Write a small file there."""

    def entries(self, folder: str) -> Sh:
        """Print every .json file of a folder there, one behind the other; nothing where it is not there."""

    def remove(self, *paths: str) -> Sh:
        """Remove files there."""


@dataclass(frozen=True)
class Folder:
    """A folder of the host itself: another disk, a mounted share."""

    whole: ClassVar[bool] = False
    root: str
    rate: float = 0

    @property
    def name(self) -> str:
        """Its path."""
        return self.root

    def make(self, folder: str) -> Sh:
        """Make a folder there."""
        return self._change(_FOLDER, folder, what=f"makes {folder}")

    def send(self, source: str, to: str, sha256: str) -> Sh:
        """Copy with cp; with rsync where it may only go so fast."""
        del sha256
        return self._change(
            *(_COPY, source, to, limit(self.rate)), what=f"copies {source} to {to}", timeout=_HOURS
        )

    def receive(self, path: str, into: str, sha256: str = "") -> Sh:
        """Copy with cp."""
        del sha256
        return self._change(_COPY, path, into, "0", what=f"copies {path} to {into}", timeout=_HOURS)

    def checksum(self, path: str, supposing: str = "none") -> Sh:
        """Read it whole."""
        supposed = Done(0, supposing.encode())
        return Sh(_SUM, path, script=True, sudo=True, timeout=_HOURS, supposing=supposed)

    def name_it(self, partial: str, path: str) -> Sh:
        """Sync and rename."""
        return self._change(_NAME, partial, path, what=f"gives {path} its name")

    def write(self, path: str, content: bytes) -> Sh:
        """Write a small file there."""
        return self._change(_WRITE, path, what=f"writes {path}", stdin=content)

    def entries(self, folder: str) -> Sh:
        """Print every .json file of a folder."""
        return Sh(_LIST, folder, script=True, sudo=True, keep=64_000_000)

    def remove(self, *paths: str) -> Sh:
        """Remove files there."""
        return self._change(_REMOVE, *paths, what=f"removes {', '.join(paths)}")

    def _change(self, *words: str, what: str, stdin: bytes = b"", timeout: float = 60.0) -> Sh:
        return Sh(
            *words,
            script=True,
            sudo=True,
            changes=what,
            again="safe",
            stdin=stdin,
            timeout=timeout,
            supposing=Done(0),
        )


@dataclass(frozen=True)
class OverSsh:
    """A folder of another host, `target` being [user@]host; files go by rsync, checksums are made there.

    The host whose backups they are logs in there by itself: `key` is a file of its own, and the other's host
    key stands in its known_hosts (`known_hosts` = another file). It is never asked anything.
    """

    whole: ClassVar[bool] = False
    target: str
    root: str
    port: int = 22
    key: str = ""
    known_hosts: str = ""
    rate: float = 0

    @property
    def name(self) -> str:
        """As the inventory has it."""
        return f"{self.target}:{self.root}"

    @property
    def _ssh(self) -> tuple[str, ...]:
        words = ["ssh", "-p", str(self.port), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
        words += ["-o", "ConnectTimeout=20", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=4"]
        words += ["-i", self.key, "-o", "IdentitiesOnly=yes"] if self.key else []
        words += ["-o", f"UserKnownHostsFile={self.known_hosts}"] if self.known_hosts else []
        return tuple(words)

    def make(self, folder: str) -> Sh:
        """Make a folder there."""
        return self._there(_FOLDER, folder, what=f"makes {folder} on {self.target}")

    def send(self, source: str, to: str, sha256: str) -> Sh:
        """Copy with rsync."""
        del sha256
        bound = (f"--bwlimit={limit(self.rate)}",) if self.rate else ()
        what = f"copies {source} to {self.target}:{to}"
        return self._rsync(source, f"{self.target}:{to}", what, *bound)

    def receive(self, path: str, into: str, sha256: str = "") -> Sh:
        """Copy with rsync; where the line breaks it goes on from there."""
        del sha256
        what = f"copies {self.target}:{path} to {into}"
        return self._rsync(f"{self.target}:{path}", into, what, first=(_AGAIN,))

    def checksum(self, path: str, supposing: str = "none") -> Sh:
        """Read it whole, there."""
        return self._there(_SUM, path, timeout=_HOURS, supposing=supposing)

    def name_it(self, partial: str, path: str) -> Sh:
        """Sync and rename."""
        return self._there(_NAME, partial, path, what=f"gives {self.target}:{path} its name")

    def write(self, path: str, content: bytes) -> Sh:
        """Write a small file there."""
        return self._there(_WRITE, path, what=f"writes {self.target}:{path}", stdin=content)

    def entries(self, folder: str) -> Sh:
        """Print every .json file of a folder."""
        return self._there(_LIST, folder)

    def remove(self, *paths: str) -> Sh:
        """Remove files there."""
        return self._there(_REMOVE, *paths, what=f"removes {', '.join(paths)} on {self.target}")

    def _there(self, script: str, *words: str, what: str = "", supposing: str = "", **more: Any) -> Sh:
        # The far end's login shell takes the line apart once more.
        line = shlex.join(["sh", "-c", script, "sh", *words])
        return Sh(
            *(*self._ssh, *(() if "stdin" in more else ("-n",)), self.target, "--", line),
            sudo=True,
            changes=what,
            again="safe",
            keep=64_000_000,
            supposing=Done(0, supposing.encode()) if what or supposing else None,
            **{"timeout": 120.0, **more},
        )

    def _rsync(self, source: str, to: str, what: str, *bound: str, first: tuple[str, ...] = ()) -> Sh:
        return Sh(
            *(*first, "rsync", "--protect-args", "--partial", "--inplace", "--chmod=F640"),
            *("--timeout=300", *bound),
            *("-e", shlex.join(self._ssh), source, to),
            script=bool(first),
            sudo=True,
            changes=what,
            again="safe",
            timeout=_HOURS,
            supposing=Done(0),
        )


def stores_of(service: Service) -> tuple[Store, ...]:
    """Return the stores that the inventory names under `ship_to`.

    That is a list of folders, [user@]host:/folder and s3://bucket/prefix. `ship_port`, `ship_key` and
    `ship_known_hosts` are what the host logs in there with (a file each, on it); settings that begin with
    `s3_` are for buckets (see bucket.py). `load: {rate: 40}` bounds what is sent (see inventory/load.py).

    Raises:
        BadInventory: it is no such list.
    """
    said = service.settings.get("ship_to", [])
    places = [said] if isinstance(said, str) else said
    if not isinstance(places, list) or not all(isinstance(each, str) for each in places):
        raise _wrong(service, said)
    return tuple(_store(service, each) for each in places)


def limit(rate: float) -> str:
    """Return a rate in MiB a second as rsync's --bwlimit has it, in KiB; "0" is none."""
    return str(max(1, round(rate * 1024))) if rate else "0"


def store_names(service: Service) -> tuple[str, ...]:
    """Return the names of the service's stores; raises like `stores_of`."""
    return tuple(store.name for store in stores_of(service))


def _store(service: Service, said: str) -> Store:
    if re.fullmatch(r"/\S.*", said) and "/../" not in f"{said}/":
        return Folder(said.rstrip("/"), Load.of(service).rate)
    if said.startswith("s3://"):
        return Bucket.of(service, said)
    found = re.fullmatch(r"((?:[\w.-]+@)?[A-Za-z0-9][\w.-]*):(/(?!/)\S.*)", said)
    if not found or "/../" in f"{said}/":
        raise _wrong(service, said)
    return OverSsh(
        found[1],
        found[2].rstrip("/"),
        service.number("ship_port", 22),
        service.text("ship_key", ""),
        service.text("ship_known_hosts", ""),
        Load.of(service).rate,
    )


def _wrong(service: Service, said: object) -> BadInventory:
    return BadInventory(
        f"{service.at}: ship_to of {service.system} on {service.host} should be folders such as "
        f"/mnt/share, backup@dr1:/srv/backups or s3://bucket/prefix, found {said!r}."
    )
