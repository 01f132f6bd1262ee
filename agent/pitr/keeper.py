"""Beside the stream: has everything on disk in time, seals, sees after bases, ships, tells how it goes.

A thread of its own, so that a server that hangs in the middle of an answer does not keep what was received
from the disk.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agent.errors import DrillyardError
from agent.pitr import instant
from agent.pitr.bases import Bases
from agent.pitr.catalog import as_json, of_database
from agent.pitr.heartbeat import Heart, Pulse
from agent.pitr.model import CaptureStatus
from agent.pitr.prune import prune
from agent.pitr.recorder import Recorder
from agent.pitr.server import Client
from agent.pitr.settings import Settings
from agent.pitr.ship import Shipper
from agent.pitr.store import Store

_OF_A_TIMELINE = ("timeline", "base", "base_utc", "captured_up_to", "captured_utc", "segments")
KEPT = (*_OF_A_TIMELINE, "gaps")
"""What a status says of the store: it holds when another process captures into it."""

_NOTHING = CaptureStatus("never")


class Keeper(threading.Thread):
    """Keeps what a recorder is given."""

    def __init__(
        self, settings: Settings, store: Store, status: CaptureStatus, say: Callable[[str], None]
    ) -> None:
        """`status` is what to tell at the beginning."""
        super().__init__(name="keeper", daemon=True)
        self.status = status
        self._before = 0
        self._settings = settings
        self._store = store
        self._say = say
        self._bases = Bases(settings, say)
        self._shipper = Shipper(store, settings.ship_to)
        self._at_work: tuple[Recorder, Pulse, Heart] | None = None
        self._failure: Exception | None = None
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._looked = 0.0

    def keep(self, recorder: Recorder, pulse: Pulse, heart: Heart) -> None:
        """Begin to keep what `recorder` is given."""
        with self._lock:
            self._failure = None
            self._before = self.status.events
            self._at_work = (recorder, pulse, heart)
            other = recorder.timeline.id != self.status.timeline
            anew = {name: getattr(_NOTHING, name) for name in _OF_A_TIMELINE} if other else {}
            self.tell(**{**anew, "timeline": recorder.timeline.id, "error": ""})

    def leave(self, why: str = "") -> None:
        """Seal what there is, and keep no more; `why` is told where it was no wish of ours."""
        with self._lock:
            work, self._at_work = self._at_work, None
            if work is not None and self._failure is None:
                work[0].seal()
                self._told(*work)
            # Letting go of a server that is gone takes seconds: this is told first.
            self.tell(state="reconnecting", **({"error": why} if why else {}))
        self._shipper.kick()

    def check(self) -> None:
        """Raise what went wrong with keeping, so that whoever reads the stream does not go on."""
        if self._failure is not None:
            raise self._failure

    def tick(self) -> bool:
        """Return whether it is time for what is done now and then, in the reader's own thread."""
        now = time.monotonic()
        if now - self._looked < self._settings.flush_every:
            return False
        self._looked = now
        return True

    def define(self, client: Client, recorder: Recorder) -> None:
        """Note how collections are after their definition changed: not every server says it in the event."""
        for db, name in sorted(recorder.redefined):
            entries = [as_json(vars(entry)) for entry in of_database(client, db, name)] if name else []
            recorder.define(db, name, json.dumps(entries))

    def run(self) -> None:
        """Keep."""
        self._shipper.start()
        while not self._ended.wait(self._settings.flush_every):
            with self._lock:
                if self._at_work is not None and self._failure is None:
                    try:
                        self._round(*self._at_work)
                    except (OSError, DrillyardError) as error:
                        self._failure = error

    def _round(self, recorder: Recorder, pulse: Pulse, heart: Heart) -> None:
        beats = pulse.heard()
        complete = recorder.flush()
        pulse.on_disk(beats, time.time())
        if recorder.due(self._settings.seal_every, self._settings.seal_bytes):
            recorder.seal()
            self._shipper.kick()
        taken = self._bases.taken
        if complete is not None:
            self._bases.mind(recorder.timeline)
        if self._bases.taken > taken:
            self._shipper.forget(prune(self._store, time.time(), self._settings.keep_days))
            self._shipper.kick()
        self._told(recorder, pulse, heart, complete)

    def _told(self, recorder: Recorder, pulse: Pulse, heart: Heart, complete: Any = None) -> None:
        base = self._bases.newest
        at = complete or recorder.complete
        self.tell(
            state="capturing" if base else "basing",
            base=base.id if base else "",
            base_utc=base.taken_at if base else "",
            captured_up_to=instant.show(at),
            captured_utc=instant.utc(at),
            lag=pulse.lag(),
            events=self._before + recorder.events,
            segments=recorder.segments,
            shipping=self._settings.ship_to,
            shipped_up_to=self._shipper.newest,
            unshipped=self._shipper.left,
            error=heart.error or self._bases.error or self._shipper.error,
        )

    def tell(self, **changes: Any) -> None:
        """Change what the status says, and write it."""
        with self._lock:
            self.status = replace(self.status, **changes)
            self._store.tell(self.status)

    def end(self) -> None:
        """End everything that is at work beside the stream; what is sealed is shipped."""
        self._ended.set()
        self.join(30)
        self._bases.stop()
        self._shipper.stop()
        self.tell(state="ended", shipped_up_to=self._shipper.newest, unshipped=self._shipper.left)
