"""Looks at the system as a user would, ten times a second, and notes every look."""

from __future__ import annotations

import itertools
import json
import threading
import time
from pathlib import Path

from msgspec import Struct

from drills.rig.subject import Hand, ProbeFailed, Subject


class Look(Struct, frozen=True, gc=False):
    """One look: when it began and ended (monotonic seconds), and why it failed ("" = verified)."""

    began: float
    ended: float
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether something known was read and something written was read back."""
        return not self.error


class Probe:
    """A thread that looks `every` seconds until it is stopped; each look is a line of `path` too."""

    def __init__(self, subject: Subject, path: Path, *, every: float = 0.1) -> None:
        """Look at `subject`."""
        self._subject = subject
        self._path = path
        self._every = every
        self._looks: list[Look] = []
        self._stop = threading.Event()
        self._new = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="drill-probe", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the look under way."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=30)

    @property
    def looks(self) -> tuple[Look, ...]:
        """Every look so far, oldest first."""
        with self._new:
            return tuple(self._looks)

    def wait(self, timeout: float) -> None:
        """Return after the next look, or after `timeout` seconds."""
        with self._new:
            self._new.wait(timeout)

    def verified(self, times: int, *, since: float, within: float) -> bool:
        """Wait until `times` looks in a row that began after `since` were verified; say whether they were."""
        end = time.monotonic() + within
        while not ends_verified(self.looks, times, since=since):
            if time.monotonic() >= end:
                return False
            self.wait(0.2)
        return True

    def _run(self) -> None:
        hand = self._subject.hand()
        n = 0
        with self._path.open("a", encoding="utf-8") as file:
            while not self._stop.is_set():
                look = look_once(hand, n)
                n += 1
                file.write(json.dumps({"began": look.began, "ended": look.ended, "error": look.error}) + "\n")
                file.flush()
                with self._new:
                    self._looks.append(look)
                    self._new.notify_all()
                self._stop.wait(max(0.0, look.began + self._every - time.monotonic()))
        hand.close()


def look_once(hand: Hand, n: int) -> Look:
    """Take one look and return it."""
    began = time.monotonic()
    try:
        hand.probe(n)
    except ProbeFailed as error:
        return Look(began, time.monotonic(), str(error) or "failed")
    return Look(began, time.monotonic())


def ends_verified(looks: tuple[Look, ...], times: int, *, since: float) -> bool:
    """Say whether the newest `times` looks all began after `since` and were verified."""
    newest = looks[-times:]
    return len(newest) == times and all(look.ok and look.began >= since for look in newest)


def longest_outage(looks: tuple[Look, ...], *, since: float) -> int:
    """Return the greatest number of looks that failed one after the other and ended after `since`."""
    runs = itertools.groupby((look for look in looks if look.ended > since), key=lambda look: look.ok)
    return max((sum(1 for _ in run) for ok, run in runs if not ok), default=0)
