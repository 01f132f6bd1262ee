"""The folder that captures lie in: its timelines, their bases and segments, who is at work, how it goes."""

from __future__ import annotations

import fcntl
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from bson import Timestamp

from agent.errors import BackupDamaged, Locked, NoRoom
from agent.pitr import instant
from agent.pitr.manifest import Manifest
from agent.pitr.model import CaptureStatus
from agent.pitr.segment import OPEN, Segment, write_whole

_TIMELINE = re.compile(r"t(\d{4})_.*")
TORN = "torn.zst"


@dataclass(frozen=True)
class History:
    """What a timeline is a history of. `parent` and `at` say where it branched off; `why` it was begun."""

    id: str
    server: str
    created: str
    why: str
    parent: str = ""
    at: str = ""
    token: str = ""


class Timeline:
    """One unbroken history of one server."""

    def __init__(self, path: Path) -> None:
        """`path` is its folder."""
        self.path = path
        self.id = path.name
        self.log = path / "log"
        self.base = path / "base"

    def history(self) -> History:
        """Return what it is a history of.

        Raises:
            BackupDamaged: that cannot be read.
        """
        try:
            return msgspec.json.decode((self.path / "timeline.json").read_bytes(), type=History)
        except (OSError, msgspec.DecodeError) as error:
            raise BackupDamaged(f"Timeline {self.id}: timeline.json cannot be read: {error}.") from None

    def segments(self) -> list[Segment]:
        """Return its sealed segments in their order."""
        found = [Segment.of(path) for path in self.log.glob("*.zst")] if self.log.is_dir() else []
        return sorted((each for each in found if each is not None), key=lambda each: each.n)

    @property
    def open(self) -> Path:
        """The segment being written."""
        return self.log / OPEN

    def bases(self) -> list[Manifest]:
        """Return its finished bases, the oldest first; raises like `Manifest.read`."""
        return sorted(
            (Manifest.read(path.parent) for path in self.base.glob("*/manifest.json")),
            key=lambda each: each.started(),
        )


class Store:
    """A store of captures. Nothing is made until somebody writes to it."""

    def __init__(self, path: str | Path) -> None:
        """`path` is its folder."""
        self.path = Path(path)

    def timelines(self) -> list[Timeline]:
        """Return its timelines, the oldest first."""
        if not self.path.is_dir():
            return []
        found = [each for each in self.path.iterdir() if _TIMELINE.fullmatch(each.name)]
        return [Timeline(each) for each in sorted(found) if (each / "timeline.json").is_file()]

    def timeline(self, name: str) -> Timeline:
        """Return the timeline of that name, whether it is there or not."""
        return Timeline(self.path / name)

    def begin(self, server: str, why: str, *, parent: str = "", at: str = "") -> Timeline:
        """Begin another timeline.

        Raises:
            NoRoom: its folder cannot be made.
        """
        taken = [_TIMELINE.fullmatch(each.name) for each in self.path.glob("t*")]
        number = 1 + max((int(each[1]) for each in taken if each), default=0)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        timeline = self.timeline(f"t{number:04d}_{stamp}")
        try:
            for folder in (timeline.log, timeline.base):
                folder.mkdir(parents=True, mode=0o700)
            created = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
            history = History(timeline.id, server, created, why, parent, at)
            content = msgspec.json.format(msgspec.json.encode(history), indent=1)
            write_whole(timeline.path / "timeline.json", content + b"\n")
        except OSError as error:
            raise NoRoom(f"No timeline can be begun in {self.path}: {error.strerror}.") from None
        return timeline

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store as the one who captures into it.

        Raises:
            Locked: somebody does already.
            NoRoom: the folder cannot be written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise NoRoom(f"{self.path} cannot be written to: {error.strerror}.") from None
        try:
            if not _locked(handle):
                raise Locked(
                    f"Another capture is at work in {self.path} (process {self.status().pid}).",
                    do="One is enough: end the other, or give this server a backup_dir of its own.",
                )
            yield
        finally:
            os.close(handle)

    def held(self) -> bool:
        """Return whether a process captures into this store."""
        try:
            handle = os.open(self.path / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        finally:
            os.close(handle)
        return False

    def status(self) -> CaptureStatus:
        """Return what the capture said of itself last; `never` where none ever did."""
        try:
            return msgspec.json.decode((self.path / "status.json").read_bytes(), type=CaptureStatus)
        except FileNotFoundError:
            return CaptureStatus("never")
        except (OSError, msgspec.DecodeError) as error:
            return CaptureStatus("never", error=f"its status cannot be read: {error}")

    def told(self) -> float:
        """Return when the capture last said anything of itself (seconds since 1970; 0 = never)."""
        try:
            return (self.path / "status.json").stat().st_mtime
        except OSError:
            return 0.0

    def tell(self, status: CaptureStatus) -> None:
        """Write the capture's status; one that cannot be written is no reason to stop."""
        beside = self.path / f".status.{os.getpid()}"
        try:
            beside.write_bytes(msgspec.json.format(msgspec.json.encode(status), indent=1) + b"\n")
            beside.rename(self.path / "status.json")
        except OSError:
            return


def _locked(handle: int) -> bool:
    # Whoever only looks whether it is held holds it for a moment too.
    quiet = threading.Event()
    for _ in range(20):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            quiet.wait(0.05)
        else:
            return True
    return False


STUCK = 60.0
"""Seconds without a word after which a capture at work hangs: it writes its status every half second."""
_TOLD = ("basing", "capturing")


def live_status(store: Store, now: float) -> CaptureStatus:
    """Return how the capture is at `now` by our clock: does a process hold its lock, and go on telling?"""
    said = store.status()
    state, error = said.state, said.error
    if said.running and not store.held():
        state = "dead"
    elif state in _TOLD and (silent := now - store.told()) > STUCK:
        state, error = "stuck", f"its process {said.pid} has told nothing for {silent:.0f} s"
    behind = now - _seconds(said.captured_up_to) if said.captured_up_to else -1.0
    return replace(said, state=state, behind=round(behind, 1), error=error)


def _seconds(moment: str) -> float:
    at: Timestamp = instant.read(moment)
    return float(at.time)
