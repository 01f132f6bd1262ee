"""Beside a run, and never in its way: the people told at their times, and the RTO counted down."""

from __future__ import annotations

import contextlib
import shlex
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from agent.errors import JournalLost
from agent.language import Text
from agent.notify.escalation import Call, Tried, due, next_at, to_be_told_the_end
from agent.notify.ladder import Ladder
from agent.notify.message import Situation
from agent.notify.send import send
from agent.record.journal import Journal
from agent.record.past import RunPast
from agent.runbook.clock import RunClock
from agent.runbook.events import EndEvent, Event, NotifyEvent, RtoEvent, StepEvent
from agent.runbook.order import Order

COUNT_EVERY = 60.0
_LAST_WORDS_WITHIN = 15.0
_AT_WORK = ("started", "note", "over budget")


class Watch:
    """One thread that wakes when somebody is due or a minute is over, and one for each message under way.

    A message that was accepted stands in the journal, so that a resume does not send it again; one that was
    accepted in the very moment the controller died is sent twice rather than never.
    """

    def __init__(
        self, order: Order, folder: Path, journal: Journal, ladder: Ladder | None, past: RunPast | None
    ) -> None:
        """Nothing is under way before `begin`; without a ladder nobody is told."""
        self.clock = RunClock.of(past)
        self.rto = float(order.page.objectives.rto or 0)
        self._order, self._folder, self._journal, self._ladder = order, folder, journal, ladder
        self._sent = {Call(*each) for each in past.notices} if past else set()
        self._tried: dict[Call, Tried] = {}
        self._under_way: set[Call] = set()
        self._state = threading.Condition()
        self._over = False
        self._at_work: dict[tuple[str, str], Text] = {}
        self._names = {each.id: each.name or each.title() for each in order.page.every_step()}
        self._tell: Callable[[Event], None] = lambda _: None

    def begin(self, tell: Callable[[Event], None], offer: Callable[[Event], None]) -> None:
        """Watch from now on; `offer` may drop an event where `tell` would have to wait."""
        self._tell = tell
        if self._ladder or self.rto:
            threading.Thread(target=self._watch, args=(offer,), name="watch", daemon=True).start()

    def noticed(self, event: StepEvent) -> None:
        """Remember which steps are at work."""
        key = (event.step, event.host)
        if event.state in _AT_WORK:
            self._at_work[key] = self._names.get(event.step, event.name)
        else:
            self._at_work.pop(key, None)

    def conclude(self, end: EndEvent, within: float = _LAST_WORDS_WITHIN) -> None:
        """Tell whoever was told how the run ended; wait for it so many seconds at most, and never raise."""
        deadline = time.monotonic() + within
        try:
            with self._state:
                self._over = True
                self._state.notify_all()
                self._state.wait_for(lambda: not self._under_way, within)
                calls = to_be_told_the_end(self._sent)
            situation = self._situation(end)
            threads = [self._begin(self._say_the_end, call, situation, deadline) for call in calls]
            for thread in threads:
                thread.join(max(0.0, deadline - time.monotonic()))
        except KeyboardInterrupt:
            # The operator does not want to wait for it; the run itself is over and written down.
            return

    def _watch(self, offer: Callable[[Event], None]) -> None:
        counted = -1.0
        while True:
            now = self.clock.elapsed()
            if self.rto and now >= counted:
                offer(RtoEvent(self.rto, round(now, 1), round(self.rto - now, 1)))
                counted = next_count(now, self.rto)
            with self._state:
                if self._over:
                    return
                now, naps = self.clock.elapsed(), [counted] if self.rto else []
                if self._ladder:
                    taken = self._sent | self._under_way
                    for call in due(self._ladder, now, taken, self._tried):
                        self._under_way.add(call)
                        self._begin(self._make, call, self._situation())
                    soonest = next_at(self._ladder, now, self._sent | self._under_way, self._tried)
                    naps += [] if soonest is None else [soonest]
                self._state.wait(max(0.0, min(naps) - now) if naps else None)

    @staticmethod
    def _begin(what: Callable[..., None], *given: object) -> threading.Thread:
        # Daemons: a mail server that does not answer must not keep the program from ending.
        thread = threading.Thread(target=what, args=given, name="message", daemon=True)
        thread.start()
        return thread

    def _make(self, call: Call, situation: Situation) -> None:
        failed = self._tried.get(call, Tried(0, 0)).times
        said = self._sent_or_why(call, situation)
        self._note(call, "failed" if said else "sent", said, attempt=failed + 1)
        with self._state:
            self._under_way.discard(call)
            if said:
                self._tried[call] = Tried(failed + 1, self.clock.elapsed())
            else:
                self._sent.add(call)
            self._state.notify_all()

    def _say_the_end(self, call: Call, situation: Situation, deadline: float) -> None:
        for attempt in (1, 2, 3):
            said = self._sent_or_why(call, situation)
            self._note(call, "failed" if said else "sent", said, attempt=attempt, last=True)
            if not said or time.monotonic() > deadline:
                return
            # A pause before the next try of a message, while nothing else waits for it.
            threading.Event().wait(1.0)

    def _sent_or_why(self, call: Call, situation: Situation) -> str:
        return send(self._ladder, call, situation) if self._ladder and call.channel else ""

    def _note(self, call: Call, state: str, said: str, *, attempt: int, last: bool = False) -> None:
        contact = self._ladder.contacts[call.contact] if self._ladder else None
        if contact and not call.channel:
            state, said = "by hand", contact.by_hand
        # A full disk is the run's affair, and it will say so; a journal is closed under a message too slow.
        with contextlib.suppress(OSError, ValueError, JournalLost):
            self._journal.write(
                "notice",
                level=call.level,
                contact=call.contact,
                channel=call.channel,
                state=state,
                attempt=attempt,
                last=last,
                sentence=said,
            )
        self._tell(NotifyEvent(call.contact, call.channel, call.level, state, said, last))  # type: ignore[arg-type]

    def _situation(self, end: EndEvent | None = None) -> Situation:
        page = self._order.page
        return Situation(
            page=page.name,
            title=page.title,
            hosts=tuple(host.name for host in self._order.hosts),
            steps=_each_once(self._at_work.copy().values()),
            elapsed=self.clock.elapsed(),
            rto=self.rto,
            folder=str(self._folder),
            resume=end.resume if end else shlex.join(["drillyard", "resume", str(self._folder)]),
            outcome=end.outcome if end else "",
            sentence=end.sentence if end else "",
            proved=end.proved if end else False,
        )


def next_count(now: float, rto: float) -> float:
    """Return the second at which the countdown is told next: each full minute, and as the RTO is over."""
    minute = (now // COUNT_EVERY + 1) * COUNT_EVERY
    return min(minute, rto) if now < rto else minute


def _each_once(texts: Iterable[Text]) -> tuple[Text, ...]:
    found: list[Text] = []
    for text in texts:
        if text not in found:
            found.append(text)
    return tuple(found)
