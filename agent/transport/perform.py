"""Carry an action along a road: every ask goes through here, once, with a record before and after."""

from __future__ import annotations

import time
from typing import Protocol, TypeVar

from agent.errors import NotInTime, StepFailed
from agent.transport.ask import Action, Answer, Ask, Clock, Done, Get, Note, Put, Sh, Until
from agent.transport.road import Road

T = TypeVar("T")


class Record(Protocol):
    """Where asks and answers are kept, so that a killed run finds its way back."""

    def recalled(self, n: int, ask: Ask) -> tuple[bool, Answer]:
        """Return (True, answer) where the n-th ask of this action was answered before we died.

        Raises:
            BadJournal: it was another ask then: the page or our code has changed since.
        """

    def asking(self, n: int, ask: Ask) -> str:
        """Note that an ask is about to be sent, durably where it changes something; return its job name."""

    def answered(self, n: int, ask: Ask, answer: Answer) -> None:
        """Note the answer, durably."""


class Forgetful:
    """A record that keeps nothing: for looks at a host outside any run."""

    def recalled(self, n: int, ask: Ask) -> tuple[bool, Answer]:
        """Never has an answer."""
        del n, ask
        return False, None

    def asking(self, n: int, ask: Ask) -> str:
        """Keep nothing, and name no job."""
        del n, ask
        return ""

    def answered(self, n: int, ask: Ask, answer: Answer) -> None:
        """Keep nothing."""


def perform(action: Action[T], road: Road, record: Record | None = None) -> T:
    """Drive `action` to its end over `road` and return what it learned.

    A failed ask is raised into the action, which may handle it. Asks already answered in `record` are not
    sent again.

    Raises:
        StepFailed: a command's exit code is not among its `ok`, and the action did not handle it.
        DrillyardError: whatever the road raises.
    """
    record = record or Forgetful()
    n = 0
    try:
        ask = next(action)
        while True:
            n += 1
            try:
                answer = _one(n, ask, road, record)
                judge(ask, answer, road.host)
            except Exception as error:  # noqa: BLE001 - it goes to the action, which is who must see it
                ask = action.throw(error)
            else:
                ask = action.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        action.close()


def _one(n: int, ask: Ask, road: Road, record: Record) -> Answer:
    known, answer = record.recalled(n, ask)
    if known:
        return answer
    job = record.asking(n, ask)
    answer = send(ask, road, job=job)
    record.answered(n, ask, answer)
    return answer


def send(ask: Ask, road: Road, *, job: str = "") -> Answer:
    """Send one ask along a road and return its answer, without judging it."""
    match ask:
        case Sh():
            return road.run(ask, job=job if ask.changes else "")
        case Put():
            road.put(ask)
            return None
        case Get():
            return road.get(ask)
        case Clock():
            return road.clock()
        case Until():
            return _wait(ask, road)
        case Note():
            return None


def judge(ask: Ask, answer: Answer, host: str) -> None:
    """Raise StepFailed where a command's exit code is not among those its ask calls fine."""
    if isinstance(ask, Sh) and isinstance(answer, Done) and answer.rc not in ask.ok:
        expected = " or ".join(map(str, ask.ok))
        raise StepFailed(
            f"{host}: `{ask}` ended with code {answer.rc}, expected {expected}: {answer.complaint}"
        )


def _wait(until: Until, road: Road) -> Done:
    end = time.monotonic() + until.within
    paused = 0.0
    while True:
        done = road.run(until.ask)
        if until.accept(done):
            return done
        if time.monotonic() >= end or paused >= until.within:
            raise NotInTime(
                f"{road.host}: waited {until.within:g} s until {until.what}; "
                f"the last answer was code {done.rc}: {done.complaint}"
            )
        # A pause between two looks at the awaited condition, never in its place.
        road.pause(until.every)
        paused += until.every
