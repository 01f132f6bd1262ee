"""When a running capture takes a base; a process of its own does it, so that the capture never waits."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict

import msgspec

from agent.errors import BackupDamaged
from agent.pitr.manifest import Manifest
from agent.pitr.model import Based
from agent.pitr.settings import Settings
from agent.pitr.store import Timeline

_AGAIN = 30.0


class Bases:
    """The bases of the timeline that is being captured."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        """Nothing is begun before `mind`."""
        self.newest: Manifest | None = None
        self.error = ""
        self.taken = 0
        self._settings = settings
        self._say = say
        self._timeline = ""
        self._child: subprocess.Popen[bytes] | None = None
        self._next = 0.0

    def mind(self, timeline: Timeline) -> None:
        """See after them: take the news of a base that ended, begin one where it is due. Never waits."""
        if timeline.id != self._timeline:
            self.stop()
            self._timeline, self._next = timeline.id, 0.0
            self._look(timeline)
        if self._child is not None:
            if self._child.poll() is not None:
                self._end(timeline)
        elif self._due():
            self._begin()

    def _look(self, timeline: Timeline) -> None:
        try:
            known = timeline.bases()
        except BackupDamaged as error:
            self.error = str(error)
            known = []
        self.newest = known[-1] if known else None

    def _due(self) -> bool:
        if not self._settings.base_every or time.monotonic() < self._next:
            return False
        return self.newest is None or time.time() - self.newest.ended().time >= self._settings.base_every

    def _begin(self) -> None:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "agent.pitr", "base"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        stdin = self._child.stdin
        if stdin is not None:
            # Shorter than a pipe holds, so this does not wait.
            stdin.write(msgspec.json.encode({**asdict(self._settings), "timeline": self._timeline}))
            stdin.close()

    def _end(self, timeline: Timeline) -> None:
        child, self._child = self._child, None
        if child is None or child.stdout is None:
            return
        said = child.stdout.read()
        child.stdout.close()
        try:
            if child.returncode == 0:
                based = msgspec.json.decode(said, type=Based)
                self._say(
                    f"base {based.id}: {sum(based.documents.values())} documents, {based.bytes >> 20} MiB "
                    f"({based.stored >> 20} MiB stored) in {based.seconds:.1f} s"
                )
                self.error = ""
                self.taken += 1
                self._look(timeline)
                return
            self.error = f"no base: {msgspec.json.decode(said, type=dict[str, str])['sentence']}"
        except (msgspec.DecodeError, LookupError):
            self.error = f"no base: its process ended with code {child.returncode}"
        self._say(self.error)
        self._next = time.monotonic() + _AGAIN

    def stop(self) -> None:
        """End a base that is being taken; what there is of it is thrown away by the next."""
        child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
