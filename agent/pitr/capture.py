"""The capture itself: follow the server's changes, have them on disk within a second, never stop by itself.

What goes wrong outside (no connection, no room) is told in the status and tried again. Where the server no
longer has what comes next, that is a gap: it is told for good, and another timeline begins with a new base.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.errors import PyMongoError

from agent.errors import BackupDamaged, NoRoom, ServiceRefused, StepFailed, Unreachable
from agent.pitr import instant
from agent.pitr.continuity import Continuity
from agent.pitr.heartbeat import Heart, Pulse
from agent.pitr.keeper import KEPT, Keeper
from agent.pitr.model import CaptureStatus
from agent.pitr.recorder import Recorder
from agent.pitr.server import OURS, Client, connect, identity, now_of, origin, words
from agent.pitr.settings import Settings
from agent.pitr.store import Store, Timeline
from agent.pitr.stream import Gap, Stream, heartbeat_of, time_of

_BACKOFF = (0.5, 1, 2, 5, 10)
_PASSING = (PyMongoError, Unreachable, ServiceRefused, StepFailed, NoRoom, BackupDamaged, OSError)
_GAPS_TOLD = 20

Say = Callable[[str], None]


class Moved(Exception):
    """The server's data come from elsewhere now: it was restored under us."""


class Capture:
    """One capture from its start to its end."""

    def __init__(self, settings: Settings, say: Say) -> None:
        """`say` takes one line for whoever reads the service's output."""
        self.settings = settings
        self.stop = threading.Event()
        self.store = Store(settings.store)
        self._say = say
        self._pulse = Pulse()
        self._why_new = ""

    def run(self) -> None:
        """Capture until `stop` is set; then seal what there is, ship it, and say so.

        Raises:
            Locked: another process captures into this store.
            NoRoom: the store cannot be written to at all.
            Refused: the server has no change streams.
        """
        with self.store.lock():
            said = self.store.status()
            # What is in the store can be restored, whether the server is there or not.
            fresh = CaptureStatus("reconnecting", pid=os.getpid(), since=utc_now())
            begun = replace(fresh, **{name: getattr(said, name) for name in KEPT})
            heart = Heart(self.settings.uri, self.settings.beat_every)
            keeper = Keeper(self.settings, self.store, begun, self._say)
            heart.start()
            keeper.start()
            try:
                self._go(heart, keeper)
            finally:
                heart.stop()
                keeper.end()

    def _go(self, heart: Heart, keeper: Keeper) -> None:
        failures, done = 0, -1
        while not self.stop.is_set():
            try:
                self._session(heart, keeper)
            except (Gap, Moved) as gap:
                self._lose(gap, keeper)
            except _PASSING as error:
                failures = 0 if keeper.status.events > done else failures + 1
                done = keeper.status.events
                said = _brief(error)
                if failures <= 1 or failures % 30 == 0:
                    self._say(f"not capturing, trying again: {said}")
                keeper.tell(state="reconnecting", error=said)
                self.stop.wait(_BACKOFF[min(failures, len(_BACKOFF) - 1)])

    def _lose(self, why: Gap | Moved, keeper: Keeper) -> None:
        self._why_new = str(why)
        if isinstance(why, Moved):
            self._say(f"another history begins: {why}")
            return
        self._say(f"HISTORY LOST: {why}; another timeline begins, with a new base")
        known = self.store.timelines()
        told = f"{utc_now()} {known[-1].id if known else 'the first timeline'}: {why}"
        keeper.tell(gaps=(*keeper.status.gaps, told)[-_GAPS_TOLD:])

    def _session(self, heart: Heart, keeper: Keeper) -> None:
        client = connect(self.settings.uri, 5, socketTimeoutMS=30_000)
        try:
            with words("The server"):
                timeline = self._timeline(client)
                recorder = Recorder(timeline)
                _not_set_back(now_of(client), recorder)
            self._pulse.remember(recorder.beat)
            stream = Stream(self.settings.uri, recorder.token)
            self._say(f"capturing into {timeline.id}")
            keeper.keep(recorder, self._pulse, heart)
            try:
                self._follow(client, stream, recorder, keeper)
            except _PASSING as error:
                keeper.leave(_brief(error))
                raise
            finally:
                keeper.leave()
                stream.close()
        finally:
            client.close()

    def _timeline(self, client: Client) -> Timeline:
        """Return the timeline to go on with: the newest, where it is this server's; else a new one."""
        server = identity(client)
        known = self.store.timelines()
        if known and not self._why_new and known[-1].history().server == server:
            return known[-1]
        why = self._why_new or ("another server, or a restored one" if known else "the first capture")
        come = origin(client)
        begun = self.store.begin(server, why, parent=come.get("timeline", ""), at=come.get("at", ""))
        self._why_new = ""
        self._pulse = Pulse()
        self._say(f"timeline {begun.id} begins: {why}")
        return begun

    def _follow(self, client: Client, stream: Stream, recorder: Recorder, keeper: Keeper) -> None:
        proof = Continuity(stream, recorder.token)
        server = recorder.timeline.history().server
        while not self.stop.is_set():
            event = stream.read()
            keeper.check()
            if event is None:
                proof.saw(stream.token, None)
                recorder.settle(stream.token)
            else:
                proof.saw(event["_id"], time_of(event))
                if recorder.add(event):
                    self._heed(event, client, server)
            if recorder.redefined and (event is None or keeper.tick()):
                keeper.define(client, recorder)

    def _heed(self, event: RawBSONDocument, client: Client, server: str) -> None:
        ns = event["ns"]
        if ns["db"] != OURS:
            return
        if beat := heartbeat_of(event):
            self._pulse.hear(*beat)
        elif ns.get("coll") == "identity" and identity(client) != server:
            raise Moved("the server was restored")


def _not_set_back(now: Any, recorder: Recorder) -> None:
    if recorder.last is not None and now < recorder.last:
        raise Gap(
            f"the server stands at {instant.show(now)}, before the captured {instant.show(recorder.last)}: "
            "its data were set back"
        )


def _brief(error: Exception) -> str:
    return str(error).split(", full error:")[0].split(", Timeout:")[0]


def utc_now() -> str:
    """Return the time of this machine as ISO in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
