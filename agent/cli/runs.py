"""`drillyard plan`, `run`, `resume`, `unlock` and `audit`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import naming
from agent.cli.screens import screen_of
from agent.cli.signals import end_by_signals
from agent.cli.world import guard, inventory_of, language_of, limited, sources_of
from agent.errors import Refused, Usage

if TYPE_CHECKING:
    from agent.inventory import Host
    from agent.notify.ladder import Ladder
    from agent.runbook.order import Order
    from agent.runbook.run import Run


def _order(command: Namespace) -> Order:
    from agent.runbook.check import hosts_of, refuse_bad
    from agent.runbook.load import load_page
    from agent.runbook.order import Order, read_params

    folders = [Path(each).absolute() for each in command.pages]
    page = load_page(naming.find_page(command.page, folders), folders=folders)
    inventory = inventory_of(command)
    refuse_bad(page, inventory)
    return Order(
        page=page,
        hosts=hosts_of(page, inventory, command.limit),
        inventory=tuple(map(str, sources_of(command))),
        params=read_params(page, _pairs(command.set)),
        pages=tuple(map(str, folders)),
        reason=command.reason,
        language=language_of(command),
        yes=getattr(command, "yes", False),
        forks=command.forks,
        tags=tuple(tag for each in command.tags for tag in each.split(",") if tag),
    )


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign:
            raise Usage(f"--set {each}: expected NAME=VALUE.")
        pairs[name] = value
    return pairs


def plan(command: Namespace) -> int:
    """Print what each step would do on each host; 0 whatever it finds, as nothing was asked to change."""
    from agent.runbook.plan import plan as foresee
    from agent.screen.plan import lines

    order = _order(command)
    planned = foresee(order, diff=getattr(command, "diff", False))
    if command.json:
        for each in planned:
            sys.stdout.write(json.dumps(asdict(each), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(lines(order, planned)) + "\n")
    return 0


def run(command: Namespace) -> int:
    """Run a page from its beginning."""
    from agent.runbook.order import open_run

    order = _order(command)
    guard(order.hosts, command.confirm, command.max_hosts)
    ladder = _ladder(command, order.hosts)
    name, folder, journal = open_run(order, Path(command.runs).absolute())
    return _go(_run(command, order, name, folder, journal=journal, ladder=ladder))


def resume(command: Namespace) -> int:
    """Go on with a run."""
    from agent.runbook.resume import find_run
    from agent.runbook.resume import resume as take_up

    taken = take_up(find_run(command.run, Path(command.runs).absolute()), yes=command.yes)
    guard(taken.order.hosts, command.confirm, command.max_hosts)
    ladder = _ladder(command, taken.order.hosts)
    more = {"journal": taken.journal, "past": taken.past, "ladder": ladder}
    return _go(_run(command, taken.order, taken.run, taken.folder, **more))


def _run(command: Namespace, order: Order, name: str, folder: Path, **more: Any) -> Run:
    from agent.runbook.run import Run

    listener, consent = screen_of(command, order.language)
    run = Run(name, folder, order, listener=listener, consent=consent, verbose=command.verbose, **more)
    # What the signal says on stderr is drawn over by the live screen: it says it itself.
    if heed := getattr(listener, "heed", None):
        heed(run.stop.is_set)
    return run


def _ladder(command: Namespace, hosts: Sequence[Host]) -> Ladder | None:
    """Return who is to be told; read before anything begins, so that a mistake in it is met by daylight."""
    from agent.notify.ladder import ladder_of

    return None if command.no_notify else ladder_of(hosts)


def _go(run: Run) -> int:
    end_by_signals(run)
    return run.go().exit_code


def unlock(command: Namespace) -> int:
    """Break the lock on a service of each host meant, and say in the audit who did and whose it was."""
    from agent.record import audit as book
    from agent.record import lock
    from agent.runbook.reach import Reach
    from agent.transport.perform import perform

    hosts = [host for host in limited(command, inventory_of(command)) if command.service in host.services]
    if not hosts:
        raise Refused(f"No host that is meant serves {command.service}.")
    with Reach(hosts) as reach:
        for host in hosts:
            held = perform(lock.break_lock(host.state_dir, command.service, sudo=host.become), reach.to(host))
            whose = f"run {held.run} of {held.who} since {held.since}" if held else "nobody"
            book.note(
                Path(command.runs),
                "unlock",
                host=host.name,
                service=command.service,
                held_by=whose,
                reason=command.reason,
            )
            sys.stdout.write(f"{host.name}: {command.service} was held by {whose}; it is free.\n")
    return 0


def audit(command: Namespace) -> int:
    """Verify that no line of the audit was altered, removed or inserted."""
    from agent.record import audit as book

    count = book.verify(Path(command.runs), command.last)
    last = f" The last one's hash is {book.newest(Path(command.runs))}." if count else ""
    sys.stdout.write(f"{count} lines, each following from the one before.{last}\n")
    return 0
