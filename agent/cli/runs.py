"""`drillyard plan`, `run` and `resume`."""

from __future__ import annotations

import json
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent import naming
from agent.cli.screens import screen_of
from agent.cli.signals import ended_by_signals
from agent.cli.world import guard, inventory_of, language_of, roads_of, sources_of, unwritten
from agent.errors import JournalLost, Usage

if TYPE_CHECKING:
    from agent.inventory import Host
    from agent.notify.ladder import Ladder
    from agent.runbook.order import Order
    from agent.runbook.run import Run


def _order(command: Namespace) -> Order:
    from agent.runbook.check import hosts_of, refuse_bad
    from agent.runbook.load import load_page
    from agent.runbook.order import Order
    from agent.runbook.params import read_params
    from agent.runbook.tags import chosen

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
        tags=chosen(page, [tag for each in command.tags for tag in each.split(",") if tag]),
        engine=command.engine,
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
    """Print what each step would do on each host; 0 whatever it finds, as nothing was asked to change.

    A host that was not reached is no finding: then it is that error's code.
    """
    from agent.runbook.plan import plan as foresee
    from agent.screen.plan import lines

    order = _order(command)
    with roads_of(command) as roads:
        planned = foresee(order, diff=getattr(command, "diff", False), roads=roads)
    if command.json:
        for each in planned:
            sys.stdout.write(json.dumps(asdict(each), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("\n".join(lines(order, planned)) + "\n")
    return max((each.code for each in planned), default=0)


def run(command: Namespace) -> int:
    """Run a page from its beginning."""
    from agent.runbook.order import open_run

    order = _order(command)
    guard(order.hosts, command.confirm, command.max_hosts, order.language)
    ladder = _ladder(command, order.hosts)
    with roads_of(command) as roads:
        try:
            name, folder, journal = open_run(order, Path(command.runs).absolute())
        except (OSError, JournalLost) as problem:
            raise unwritten(f"a run's folder below {command.runs}", problem) from None
        more = {"journal": journal, "ladder": ladder, "roads": roads}
        return _go(_run(command, order, name, folder, **more))


def resume(command: Namespace) -> int:
    """Go on with a run."""
    from agent.runbook.resume import copied_run, find_run
    from agent.runbook.resume import resume as take_up

    if bool(command.run) == bool(command.journal):
        raise Usage("Expected a RUN, or --journal PATH.", do="See `drillyard resume --help`.")
    copied = bool(command.journal)
    runs = Path(command.runs).absolute()
    inventory = [Path(each) for each in command.inventory]
    try:
        folder = copied_run(Path(command.journal)) if copied else find_run(command.run, runs)
        taken = take_up(folder, yes=command.yes, copied=copied, inventory=inventory)
    except OSError as problem:
        raise unwritten(f"the run's journal ({problem.filename})", problem) from None
    with closing(taken.journal), roads_of(command, taken.order.engine) as roads:
        guard(taken.order.hosts, command.confirm, command.max_hosts, taken.order.language)
        ladder = _ladder(command, taken.order.hosts)
        more = {"journal": taken.journal, "past": taken.past, "ladder": ladder, "roads": roads}
        return _go(_run(command, taken.order, taken.run, taken.folder, **more))


def _run(command: Namespace, order: Order, name: str, folder: Path, **more: Any) -> Run:
    from agent.runbook.run import Run
    from agent.screen.seen import Seen

    listener, consent = screen_of(command, order.language)
    run = Run(name, folder, order, listener=Seen(listener), consent=consent, verbose=command.verbose, **more)
    # What the signal says on stderr is drawn over by the live screen: it says it itself.
    if heed := getattr(listener, "heed", None):
        heed(run.stop.is_set)
    return run


def _ladder(command: Namespace, hosts: Sequence[Host]) -> Ladder | None:
    """Return who is to be told; read before anything begins, so that a mistake in it is met by daylight."""
    from agent.notify.ladder import ladder_of

    return None if command.no_notify else ladder_of(hosts)


def _go(run: Run) -> int:
    with ended_by_signals(run):
        code = run.go().exit_code
    # The run went on to its end unseen; where it ended well, say that nobody read so.
    return code or (128 + signal.SIGPIPE if getattr(run.listener, "gone", False) else 0)
