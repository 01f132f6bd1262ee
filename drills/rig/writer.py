"""Writes steadily through everything that happens, and tells the ledger what was sent and acknowledged."""

from __future__ import annotations

import threading
import time

from drills.rig.ledger import Ledger
from drills.rig.pace import Took
from drills.rig.subject import Hand, NotAcknowledged, Subject


class Writer:
    """A thread that writes `rate` times a second until it is stopped; it never retries a write.

    `last_acked` is the monotonic time of the newest acknowledgement (0.0 before the first), `next` the
    number of the next write, `took` how each went so far.
    """

    def __init__(self, subject: Subject, ledger: Ledger, *, rate: float, first: int) -> None:
        """Write to `subject` from number `first` on."""
        self.next = first
        self.last_acked = 0.0
        self.took: list[Took] = []
        self._subject = subject
        self._ledger = ledger
        self._gap = 1.0 / rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drill-writer", daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it is still writing; False before the start, and where it broke."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End after the write in flight.

        Raises:
            RuntimeError: the writer itself broke, so that the ledger does not tell the whole story.
        """
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30)
        if self.running:
            raise RuntimeError("The writer did not end within 30 s of being told to.")
        if self._failure is not None:
            raise RuntimeError(f"The writer broke: {self._failure!r}") from self._failure

    def _run(self) -> None:
        hand = self._subject.hand()
        try:
            due = time.monotonic()
            while not self._stop.is_set():
                self._one(hand)
                # Time lost in an outage is not made up for by a burst.
                due = max(due + self._gap, time.monotonic() - self._gap)
                self._stop.wait(max(0.0, due - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - told to whoever stops the writer: it must not end unseen
            self._failure = error
        finally:
            hand.close()

    def _one(self, hand: Hand) -> None:
        seq, self.next = self.next, self.next + 1
        intent = self._subject.plan(seq)
        sent = time.monotonic()
        self._ledger.sending(seq, intent, sent)
        try:
            hand.write(seq, intent)
        except NotAcknowledged as error:
            self._ledger.unanswered(seq, str(error))
            self.took.append(Took(sent, time.monotonic(), acked=False))
        else:
            self.last_acked = time.monotonic()
            self._ledger.acknowledged(seq, self.last_acked)
            self.took.append(Took(sent, self.last_acked, acked=True))
