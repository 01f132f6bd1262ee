"""The locks of a run: on every service of its page, host by host, taken over from no one who is alive."""

from __future__ import annotations

import shlex
import time
from typing import Any

from agent.errors import Locked, StepFailed, TakenOver, TimedOut
from agent.inventory import Host
from agent.record import audit, lock
from agent.record.journal import Journal, utc_now
from agent.record.past import RunPast
from agent.runbook.order import Order
from agent.transport.perform import perform
from agent.transport.road import Road

_ASLEEP_TOO: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC_RAW)
"""The clock that goes on while a laptop sleeps, on Linux and on macOS."""

_FRESH = 1.0
"""Seconds for which a look at the lock is believed."""


class Hold:
    """What a run holds on its hosts; `left` are the names of the locks not let go yet, by host.

    The lives of the run that its journal tells of are over, as the journal is open to one process at a time,
    and a copy of it is taken up on purpose only; so their locks are taken over. A life it does not tell of
    goes on somewhere else.
    """

    def __init__(self, run: str, order: Order, journal: Journal, past: RunPast | None) -> None:
        """Nothing is held yet, but by a life of this run that was cut off."""
        self._run, self._order, self._journal = run, order, journal
        self._lives = past.lives if past else set()
        self._looked: dict[str, float] = {}
        reason = order.reason or order.page.name
        self._owner = lock.Owner(run, audit.who(), reason, utc_now(), journal.life)
        cut_off = past is not None and past.outcome in ("", "unknown", "stopped")
        self.left: dict[str, list[str]] = (
            {host.name: self._services(host) for host in order.hosts} if cut_off else {}
        )

    def take(self, host: Host, road: Road) -> None:
        """Take the locks of a host; raises Locked where one is another's."""
        held = self.left[host.name] = []
        for name in self._services(host):
            held.append(name)
            try:
                former = self._take(host, name, road)
            except (Locked, StepFailed) as error:
                # Not after a command that was ended, or contact that was lost: it may have taken it.
                if not isinstance(error, TimedOut):
                    held.remove(name)
                raise
            if former:
                whose = f"{former.who} since {former.since}"
                said: dict[str, Any] = {"host": host.name, "service": name, "held_by": whose}
                self._journal.write("taken over", **said)
                engine = {"engine": self._order.engine} if self._order.engine else {}
                audit.note(self._journal.path.parent.parent, "takes over", run=self._run, **said, **engine)

        self._looked[host.name] = time.clock_gettime(_ASLEEP_TOO)

    def still(self, host: Host, road: Road) -> None:
        """See that the locks of a host are still ours, where the last look is older than a second.

        A laptop that slept, or was cut off, wakes up behind whoever took its run over. This is a look before
        an ask that changes something, not a fence kept by the host: what is sent within the second after it
        is not held back.

        Raises:
            TakenOver: one is another's, or gone; nothing may be asked of that host any more.
        """
        before = time.clock_gettime(_ASLEEP_TOO)
        if before - self._looked.get(host.name, before) < _FRESH:
            return
        for name in self._services(host):
            found = perform(lock.holder(host.state_dir, name, sudo=host.become), road)
            if found is None or found.token != self._owner.token:
                whose = f"it is held by {found.told(time.time())}" if found else "there is none"
                self.left[host.name] = [each for each in self.left.get(host.name, []) if each != name]
                raise TakenOver(
                    f"{host.name}: expected the lock on {name} to be this run's still, found that {whose}. "
                    "Nothing more was asked of it.",
                    do="Leave it to whoever took the run over or broke the lock; their audit says who, and "
                    "why. It is not resumed from here.",
                )
        self._looked[host.name] = before

    def let_go(self, host: Host, road: Road) -> None:
        """Release what of a host's locks is ours; the outcomes of the run's jobs go with them.

        They stay where another life of the run has the lock: it has not asked for them yet.
        """
        ours = True
        for name in self._services(host):
            released = perform(lock.release(host.state_dir, name, self._owner, sudo=host.become), road)
            ours = released and ours
        self.left.pop(host.name, None)
        if ours:
            road.forget(self._run)

    def locks(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the locks that are still held, by host."""
        return {host: tuple(names) for host, names in [*self.left.items()] if names}

    def commands(self) -> tuple[str, ...]:
        """Return the commands that break what is still held, one a lock, for where nobody resumes the run."""
        hosts: dict[str, list[str]] = {}
        for host, names in self.locks().items():
            for name in names:
                hosts.setdefault(name, []).append(host)
        where = [word for each in self._order.inventory for word in ("-i", each)]
        where += ["--runs", str(self._journal.path.parent.parent)]
        where += ["--engine", self._order.engine] if self._order.engine else []
        return tuple(
            f"{shlex.join(['drillyard', 'unlock', name, *where, '--limit', ','.join(on)])} --reason WHY"
            for name, on in hosts.items()
        )

    def _take(self, host: Host, name: str, road: Road) -> lock.Owner | None:
        taking = lock.take(
            host.state_dir, name, self._owner, sudo=host.become, heir_of=self._lives, host=host.name
        )
        return perform(taking, road)

    def _services(self, host: Host) -> list[str]:
        """Return what is locked on a host: the services the page acts on, always in the same order."""
        page = self._order.page
        return sorted({*page.systems} & {*host.services}) or [page.name]
