"""The checklist at the end of a run: which items hold, which do not and why, which are for a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.inventory import Host
from agent.runbook.events import AskEvent, Event, Listener, Tick
from agent.runbook.hosts import meant_by
from agent.runbook.model import Item, Page, Step
from agent.runbook.one_step import Ended

Check = Callable[[Step, Sequence[Host]], Sequence[Ended]]


def tick(item: str | Item, page: Page, hosts: Sequence[Host], check: Check) -> Tick:
    """Return whether an item holds on each of `hosts` that it concerns; `check` does its step there."""
    if isinstance(item, str) or item.check is None:
        return Tick()
    mine = meant_by(item.check, page, hosts, hosts)
    if not mine:
        return Tick("open", f"no host of this run serves {item.check.concerns(page.system) or item.check.on}")
    ended = check(item.check, mine)
    against = [str(each.error) for each in ended if each.error]
    if against:
        return Tick("unticked", " ".join(against))
    return Tick("open" if all(each.state == "skipped" for each in ended) else "ticked")


class Muted:
    """Passes on what a check asks of hosts, and nothing else: how it ended stands in the list."""

    def __init__(self, listener: Listener) -> None:
        """Pass it on to `listener`."""
        self._listener = listener

    def tell(self, event: Event) -> None:
        """Pass an ask on."""
        if isinstance(event, AskEvent):
            self._listener.tell(event)
