"""Proof that nothing was missed while the capture was late.

MongoDB ends a stream that fell behind what the server keeps. The stand-in's server goes on at its oldest
entry instead, without a word. So while we are late we ask the server whether it still has everything behind
a token that we read before: where it has, nothing in between can be missing.
"""

from __future__ import annotations

import time

from bson import Timestamp

from agent.pitr.stream import Gap, Stream, Token

LATE = 5.0


class Continuity:
    """Watches over one stream."""

    def __init__(self, stream: Stream, token: Token | None) -> None:
        """`token` is where the stream was opened."""
        self._stream = stream
        self._anchor = token
        self._newest = token
        self._anchored = self._called = time.monotonic()

    def saw(self, token: Token | None, at: Timestamp | None) -> None:
        """Take note of what a read gave: an event's token and time, or neither.

        Raises:
            Gap: we were late, and the server no longer has all of what came meanwhile.
            PyMongoError: it could not be asked.
        """
        now = time.monotonic()
        stalled = now - self._called > LATE
        late = at is not None and time.time() - at.time > LATE
        self._called = now
        if stalled or (late and now - self._anchored > LATE):
            if self._anchor is not None and not self._stream.still_has(self._anchor):
                raise Gap("the capture fell behind what the server keeps of its history")
            self._anchor, self._anchored = self._newest, now
        elif not late and now - self._anchored > 1:
            self._anchor, self._anchored = self._newest, now
        self._newest = token or self._newest
