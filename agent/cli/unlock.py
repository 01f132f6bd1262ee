"""`drillyard unlock`: break a lock on purpose; it is in the audit before anything is broken, and after."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.world import guard, inventory_of, language_of, limited, roads_of, unwritten
from agent.errors import DrillyardError, JournalLost, Locked, NotFound
from agent.naming import did_you_mean

if TYPE_CHECKING:
    from agent.inventory import Host
    from agent.record.lock import Owner
    from agent.transport.road import Road


def unlock(command: Namespace) -> int:
    """Break the lock of that name on each host meant that has it, say whose it was, and return 0.

    With `--json` each host is an event instead.

    A lock has the name of a service, or of the page where that acts on no service of the host. What could
    not be unlocked is told on stderr, host by host, and makes the exit code.

    Raises:
        NotFound: no host that is meant serves it, or has a lock of that name.
        Refused: one that has it is a production host that was not named.
        JournalLost: the audit cannot be written; the sentence says whether the lock is broken.
    """
    from agent.record import lock
    from agent.runbook.reach import Reach
    from agent.transport.perform import perform

    name, hosts = command.service, limited(command, inventory_of(command))
    serving = tuple(host for host in hosts if name in host.services)
    meant = serving or hosts
    with roads_of(command) as roads, Reach(meant, roads=roads) as reach:
        reached = [host for host in meant if host.name not in reach.lost]

        def look(host: Host) -> dict[str, Owner]:
            return perform(lock.held(host.state_dir, sudo=host.become), reach.to(host))

        found = dict(zip((host.name for host in reached), reach.each(look, reached), strict=True))
        locked = [host for host in reached if name in found[host.name]]
        left: list[DrillyardError] = [*reach.lost.values()]
        if not (locked or serving or left):
            raise _no_such_lock(name, hosts, found)
        guard(locked, command.confirm, language=language_of(command))
        say = _Saying(command)
        for lost, why in reach.lost.items():
            say.event(lost, "unreachable", sentence=str(why))
        for host in reached:
            if host in locked:
                left += _break(command, host, reach.to(host), say)
            elif serving:
                say.text(f"{host.name}: {name} was held by nobody; it is free.")
                say.event(host.name, "free")
    for error in left:
        sys.stderr.write(f"drillyard: {error}\n")
    return max((error.exit_code for error in left), default=0)


def _no_such_lock(name: str, hosts: Sequence[Host], found: Mapping[str, Mapping[str, Owner]]) -> NotFound:
    held = sorted({each for locks in found.values() for each in locks})
    known = {*held, *(service for host in hosts for service in host.services)}
    return NotFound(
        f"No host that is meant serves {name}, or has a lock of that name.{did_you_mean(name, known)} "
        f"Locked there: {', '.join(held) or 'nothing'}."
    )


class _Saying:
    """Lines for a person, or events for a program: never both."""

    def __init__(self, command: Namespace) -> None:
        from agent.screen.lines import JsonLines

        self._name = command.service
        self._events = JsonLines(sys.stdout) if command.json else None

    def text(self, line: str) -> None:
        if not self._events:
            sys.stdout.write(f"{line}\n")

    def event(self, host: str, outcome: Any, **fields: Any) -> None:
        from agent.runbook.events import UnlockEvent

        if self._events:
            self._events.tell(UnlockEvent(host, self._name, outcome, **fields))


def _break(command: Namespace, host: Host, road: Road, say: _Saying) -> list[DrillyardError]:
    """Break one lock, and return why not where it changed hands meanwhile."""
    from agent.record import lock
    from agent.transport.perform import perform

    name = command.service
    text = perform(lock.seen(host.state_dir, name, sudo=host.become), road) or ""
    owner = lock.Owner.read(text)
    whose = f"run {owner.run} of {owner.who} since {owner.since}"
    held = {"run": owner.run, "who": owner.who, "reason": owner.reason, "since": owner.since}
    about = {"host": host.name, "service": name, "held_by": whose, "reason": command.reason}
    _note(command, "unlocking", "", **about)
    try:
        broken = perform(lock.break_lock(host.state_dir, name, text, sudo=host.become), road)
    except DrillyardError as problem:
        said = f"{host.name}: whether the lock on {name} is broken is unknown: {problem}"
        line = _note(command, "unlock", said, **about, outcome=f"unknown: {problem}")
        say.event(host.name, "unknown", **held, sentence=said, audit=line)
        raise
    outcome = "broken" if broken else "left alone, as it changed hands meanwhile"
    done = f"{host.name}: the lock on {name} was {outcome}."
    line = _note(command, "unlock", done, **about, outcome=outcome)
    if not broken:
        error = Locked(f"{host.name}: {name} changed hands meanwhile, and was left alone.", do="Look again.")
        say.event(host.name, "left alone", **held, sentence=str(error), audit=line)
        return [error]
    say.text(f"{host.name}: {name} was held by {whose}; it is free.")
    say.event(host.name, "broken", **held, audit=line)
    return []


def _note(command: Namespace, event: str, done: str, **fields: Any) -> str:
    """Write to the audit, and return its hash; where it cannot be, say what is `done` already."""
    from agent.record import audit

    engine = {"engine": command.engine} if command.engine else {}
    try:
        return audit.note(Path(command.runs), event, **fields, **engine)
    except OSError as problem:
        if not done:
            raise unwritten(f"the audit in {command.runs}", problem, "No lock was broken.") from None
        raise JournalLost(f"Expected to write the audit, found: {problem.strerror}. {done}") from None
