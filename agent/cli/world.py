"""What most verbs need first: the inventory, the hosts meant, the language."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agent.errors import JournalLost, Stopped, Usage
from agent.inventory import Host, Inventory, match, read_inventory
from agent.language import Language, choose_language

if TYPE_CHECKING:
    from agent.transport import Roads


def sources_of(command: Namespace) -> tuple[Path, ...]:
    """Return the inventory sources named on the command line or in $DRILLYARD_INVENTORY, absolute.

    Raises:
        Usage: none is named.
    """
    named = command.inventory or [
        each for each in os.environ.get("DRILLYARD_INVENTORY", "").split(":") if each
    ]
    if not named:
        raise Usage("No inventory is named.", do="Add -i PATH, or set DRILLYARD_INVENTORY.")
    return tuple(Path(each).absolute() for each in named)


def inventory_of(command: Namespace) -> Inventory:
    """Return the inventory named on the command line, and the lists that its --limit names with an @."""
    inventory = read_inventory(*sources_of(command))
    if "@" not in command.limit:
        return inventory
    from agent.cli.lists import with_lists

    runs = getattr(command, "runs", "") or os.environ.get("DRILLYARD_RUNS", "runs")
    return with_lists(inventory, command.limit, Path(runs).absolute())


def limited(command: Namespace, inventory: Inventory) -> tuple[Host, ...]:
    """Return the hosts that `--limit` leaves, in the inventory's order."""
    return match(inventory, command.limit or "all")


@contextmanager
def roads_of(command: Namespace, recorded: str = "") -> Iterator[Roads]:
    """Yield what opens roads as --engine says, or as is `recorded` of a run where it says nothing.

    Raises:
        Usage, Unreachable, Refused: see `agent.transport.engine`.
    """
    from agent.transport.engine import engine

    if command.engine_insecure:
        sys.stderr.write("--engine-insecure: what the engine is told can be read and altered on the way.\n")
    with engine(command.engine or recorded, insecure=command.engine_insecure) as roads:
        yield roads


def language_of(command: Namespace) -> Language:
    """Return the language to speak."""
    return choose_language(command.lang, os.environ)


def guard(hosts: Sequence[Host], confirmed: Sequence[str], most: int = 0, language: Language = "en") -> None:
    """Refuse production hosts that were not named one by one, and more hosts than were meant.

    A name is given with --confirm, or typed at the terminal when it is asked for. `most` bounds how many
    hosts a run may touch (0 = any number; each production host has to be named anyway).

    Raises:
        Refused: a host with `env: production` is not among `confirmed`, or there are more than `most`.
    """
    from agent.runbook.rails import refuse

    refuse(hosts, confirmed, most, lambda name: _typed(name, language))


def unwritten(
    what: str, problem: OSError | JournalLost, so: str = "Nothing was asked of any host."
) -> JournalLost:
    """Return what to say where runs cannot be kept, and `so` what was not done because of it."""
    why = getattr(problem, "strerror", None) or problem
    return JournalLost(
        f"Expected to write {what}, found: {why}. {so}",
        do="Make room there or give yourself the right to write, or name another folder with --runs "
        "(or $DRILLYARD_RUNS).",
    )


def _typed(name: str, language: Language) -> bool:
    """Ask the person at the terminal to type a name; a mere yes is said too fast at 3 a.m.

    Raises:
        Stopped: Ctrl-C was the answer.
    """
    if not sys.stdin or sys.stdin.closed or not sys.stdin.isatty():
        return False
    from agent.screen.words import word

    try:
        sys.stderr.write(word("type its name", language).format(name))
        sys.stderr.flush()
        return sys.stdin.readline().strip() == name
    except KeyboardInterrupt:
        sys.stderr.write("\n")
        raise Stopped(f"{name} was not named, and was left alone: nothing was changed.") from None
