"""Plain lines, one a finished step: for logs, pipes and terminals without colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from agent.language import Language
from agent.runbook.events import (
    AskEvent,
    EndEvent,
    Event,
    NotifyEvent,
    RtoEvent,
    RunEvent,
    StepEvent,
    Tick,
)
from agent.screen.words import columns, countdown, named, seconds, word

MARKS = {"done": "ok  ", "failed": "FAIL", "skipped": "-   ", "unknown": "??  ", "unreachable": "FAIL"}
BOXES = {"ticked": "[x]", "unticked": "[!]", "open": "[ ]"}


class PlainScreen:
    """Tells a run in lines. `quiet` leaves out everything but failures and the end."""

    def __init__(self, out: TextIO, language: Language = "en", *, quiet: bool = False) -> None:
        """Write to `out`, each line flushed."""
        self._out = out
        self._language = language
        self._quiet = quiet

    def tell(self, event: Event) -> None:
        """Write what the event is worth: a line, or none."""
        match event:
            case RunEvent():
                self._run(event)
            case StepEvent():
                self._step(event)
            case AskEvent() if not self._quiet:
                self._line(f"     {'!' if event.changes else ' '} {event.host}: {event.ask}")
            case NotifyEvent() if not self._quiet or event.state != "sent":
                self._line(f"       {notified(event, self._language)}")
            case RtoEvent() if event.elapsed >= 1 and (event.left <= 0 or not self._quiet):
                self._line(f"       {countdown(event.rto, event.left, self._language)}")
            case EndEvent():
                self._end(event)
            case _:
                pass

    def _run(self, event: RunEvent) -> None:
        if not self._quiet:
            resumed = f" ({word('resumed', self._language)})" if event.resumed else ""
            self._line(f"{event.title}{resumed}")
            self._line(
                f"  {event.page} {word('on', self._language)} {named(event.hosts, 100)}: {event.folder}"
            )

    def _step(self, event: StepEvent) -> None:
        loud = event.state in ("failed", "unknown", "unreachable", "over budget")
        if event.state == "started" or (self._quiet and not loud):
            return
        if event.state in ("note", "over budget"):
            text = event.sentence if event.state == "note" else self._late(event)
            self._line(f"       {event.host}: {text}")
            return
        name = event.name or word("connect", self._language)
        self._line(f"  {MARKS[event.state]} {pad(name, 44)} {pad(event.host, 12)} {self.timing(event)}")
        if event.sentence:
            self._line(f"       {event.sentence}")

    def timing(self, event: StepEvent) -> str:
        """Return elapsed against budget, or why there is none."""
        if event.recalled:
            return word("before", self._language)
        if event.state == "skipped":
            return word("skipped", self._language)
        of = word("of", self._language)
        return seconds(event.elapsed) + (f" {of} {seconds(event.budget)}" if event.budget else "")

    def _late(self, event: StepEvent) -> str:
        return f"{event.name}: {word('over budget', self._language)} ({seconds(event.budget)})"

    def _end(self, event: EndEvent) -> None:
        if event.outcome == "done":
            end = "all done" if event.proved else "not proved"
            self._line(f"{word(end, self._language)} ({seconds(event.elapsed)}).")
        else:
            self._line(f"{word(event.outcome, self._language)} ({seconds(event.elapsed)}): {event.sentence}")
        if len(event.hosts) > 1 and set(event.hosts.values()) != {"done"}:
            for state, hosts in by_state(event.hosts).items():
                self._line(f"  {pad(word(state, self._language), 12)} {len(hosts):>3}  {named(hosts, 60)}")
        if event.audit and not self._quiet:
            self._line(f"{word('audit', self._language)}: {event.audit[:16]}")
        if event.resume:
            self._line(f"{word('resume', self._language)}: {event.resume}")
        if event.locks:
            held = [f"{host}: {', '.join(names)}" for host, names in event.locks.items()]
            self._line(f"{word('locked', self._language)}: {named(held, 100)}")
            self._line(f"{word('unlock', self._language)}: {'; '.join(event.unlock)}")
        self._list(event)

    def _list(self, event: EndEvent) -> None:
        """Write the checklist with what is known of each item; where quiet, what does not hold."""
        ticks = event.ticks or (Tick(),) * len(event.after)
        shown = [each for each in zip(event.after, ticks, strict=True) if self._shows(each[1])]
        if shown:
            self._line(f"{word('after', self._language)}:")
        for item, tick in shown:
            self._line(f"  {BOXES[tick.state]} {item}")
            if tick.sentence:
                self._line(f"      {tick.sentence}")

    def _shows(self, tick: Tick) -> bool:
        return not self._quiet or tick.state == "unticked"

    def _line(self, text: str) -> None:
        self._out.write(text + "\n")
        self._out.flush()


def pad(text: str, width: int) -> str:
    """Return `text` filled with blanks to `width` columns of a terminal, where Hangul takes two each."""
    return text + " " * max(0, width - columns(text))


def by_state(hosts: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the hosts in each state, in the order the states are first met."""
    found: dict[str, list[str]] = {}
    for host, state in hosts.items():
        found.setdefault(state, []).append(host)
    return found


def notified(event: NotifyEvent, language: Language) -> str:
    """Return who was told, was not and why, or is to be called by hand."""
    who = f"{event.contact} ({event.channel})" if event.channel else event.contact
    match event.state:
        case "sent":
            return f"{who}: {word('told the end' if event.last else 'told', language)}"
        case "by hand":
            return f"{word('by hand', language)}: {who} {event.sentence}"
        case _:
            return f"{who}: {word('not told', language)}: {event.sentence}"
