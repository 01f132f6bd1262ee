"""Sealed files in a second place: copied, compared there byte for byte, tried again until they are.

The place is a folder (another volume, a mounted share) or user@host:folder, reached by ssh with keys.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol

from agent.errors import StepFailed
from agent.pitr.store import Store

_EVERY = 10.0
_TAKE = (
    'set -e; umask 077; mkdir -p "$1"; cat > "$2"; sync "$2"; '
    '[ "$(sha256sum < "$2")" = "$4  -" ]; mv "$2" "$3"'
)


class Place(Protocol):
    """Where files are shipped to."""

    def take(self, file: Path, name: str, digest: str) -> None:
        """Have a file there under `name`, and see that its bytes are those; raises StepFailed."""

    def drop(self, name: str) -> None:
        """Remove a file, where it is there."""


class Folder:
    """A folder of this machine."""

    def __init__(self, path: str) -> None:
        """It is made where it is not there, but not its parent: a share that is not mounted stays empty."""
        self._path = Path(path).expanduser()

    def take(self, file: Path, name: str, digest: str) -> None:
        """Copy it beside its final name, compare, rename."""
        final = self._path / name
        beside = final.with_name(f".{final.name}.new")
        try:
            if not self._path.parent.is_dir():
                raise FileNotFoundError(2, "its parent folder is not there", str(self._path))
            final.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(file, beside)
            with beside.open("rb") as copy:
                os.fsync(copy.fileno())
                found = hashlib.file_digest(copy, "sha256").hexdigest()
            if found != digest:
                raise StepFailed(f"{name} arrived in {self._path} with another checksum.")
            beside.rename(final)
        except OSError as error:
            raise StepFailed(f"{name} cannot be copied to {self._path}: {error.strerror}.") from None

    def drop(self, name: str) -> None:
        """Remove it."""
        (self._path / name).unlink(missing_ok=True)


class Remote:
    """A folder of another machine."""

    def __init__(self, host: str, path: str) -> None:
        """`host` is what ssh is given, a user before an @ included."""
        self._host, self._path = host, path

    def take(self, file: Path, name: str, digest: str) -> None:
        """Send it through one ssh, which says the checksum of what it wrote before it gives it its name."""
        final = PurePosixPath(self._path) / name
        words = (str(final.parent), str(final.parent / f".{final.name}.new"), str(final), digest)
        command = f"set -- {shlex.join(words)}; {_TAKE}"
        with file.open("rb") as content:
            self._ssh(command, f"{name} did not arrive on {self._host}", content.fileno())

    def drop(self, name: str) -> None:
        """Remove it."""
        self._ssh(f"rm -f {shlex.quote(f'{self._path}/{name}')}", f"{name} was not removed")

    def _ssh(self, command: str, what: str, stdin: int = subprocess.DEVNULL) -> None:
        words = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15"]
        done = subprocess.run([*words, self._host, command], stdin=stdin, capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise StepFailed(f"{what}: {said[-1] if said else f'ssh ended with code {done.returncode}'}.")


def place_of(ship_to: str) -> Place | None:
    """Return the place that a setting names."""
    if not ship_to:
        return None
    host, colon, path = ship_to.partition(":")
    return Remote(host, path.rstrip("/")) if colon and "/" not in host else Folder(ship_to)


def shippable(store: Store) -> Iterator[tuple[str, Path]]:
    """Yield what is finished, by its name below the store; seals and manifests after what they vouch for."""
    for timeline in store.timelines():
        files = [timeline.path / "timeline.json"]
        for manifest in sorted(timeline.base.glob("*/manifest.json")):
            files += [*sorted(manifest.parent.glob("*.zst")), manifest]
        for segment in timeline.segments():
            files += [segment.path, segment.path.with_suffix(".json")]
        for file in files:
            yield str(file.relative_to(store.path)), file


class Shipper(threading.Thread):
    """Ships what is sealed, until it is stopped; what fails is told and tried again."""

    def __init__(self, store: Store, ship_to: str) -> None:
        """Nothing is shipped where there is no place."""
        super().__init__(name="shipper", daemon=True)
        self.error = ""
        self.left = 0
        self.newest = ""
        self._store = store
        self._place = place_of(ship_to)
        self._record = store.path / f"shipped-{hashlib.sha256(ship_to.encode()).hexdigest()[:8]}.txt"
        self._news = threading.Event()
        self._ended = threading.Event()
        self._done: set[str] | None = None

    def kick(self) -> None:
        """Say that something was sealed."""
        self._news.set()

    def run(self) -> None:
        """Ship."""
        while self._place is not None and not self._ended.is_set():
            self.ship(self._place)
            self._news.wait(_EVERY)
            self._news.clear()

    def stop(self) -> None:
        """Ship what is left, once, and end."""
        self._ended.set()
        self._news.set()
        if self.ident is not None:
            self.join(60)
        if self._place is not None and not self.is_alive():
            self.ship(self._place)

    def ship(self, place: Place) -> None:
        """Ship everything that was not yet; never raises."""
        done = self._known()
        waiting = [(name, file) for name, file in shippable(self._store) if name not in done]
        self.left = len(waiting)
        for name, file in waiting:
            try:
                with file.open("rb") as content:
                    digest = hashlib.file_digest(content, "sha256").hexdigest()
                place.take(file, name, digest)
                self._remember(name)
            except FileNotFoundError:
                continue
            except (StepFailed, OSError) as error:
                self.error = f"not shipped: {error}"
                return
            self.left -= 1
            if "/log/" in name and name.endswith(".json"):
                self.newest = name.removesuffix(".json").rpartition("-")[2].replace(".", ",")
        self.error = ""

    def forget(self, names: list[str]) -> None:
        """Remove at the other place what was removed here."""
        for name in names:
            if self._place is not None and name in self._known():
                try:
                    self._place.drop(name)
                except (StepFailed, OSError) as error:
                    self.error = f"not removed at the other place: {error}"

    def _known(self) -> set[str]:
        if self._done is None:
            try:
                self._done = set(self._record.read_text().splitlines())
            except OSError:
                self._done = set()
        return self._done

    def _remember(self, name: str) -> None:
        self._known().add(name)
        with self._record.open("a") as record:
            record.write(f"{name}\n")
