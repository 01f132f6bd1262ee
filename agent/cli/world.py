"""What most verbs need first: the inventory, the hosts meant, the language."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from agent.errors import Refused, Usage
from agent.inventory import Host, Inventory, match, read_inventory
from agent.language import Language, choose_language


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
    """Return the inventory named on the command line."""
    return read_inventory(*sources_of(command))


def limited(command: Namespace, inventory: Inventory) -> tuple[Host, ...]:
    """Return the hosts that `--limit` leaves, in the inventory's order."""
    return match(inventory, command.limit or "all")


def language_of(command: Namespace) -> Language:
    """Return the language to speak."""
    return choose_language(command.lang, os.environ)


def guard(hosts: Sequence[Host], confirmed: Sequence[str]) -> None:
    """Refuse production hosts that were not named one by one.

    Raises:
        Refused: a host with `env: production` is not among `confirmed`.
    """
    for host in hosts:
        if host.environment == "production" and host.name not in confirmed:
            raise Refused(
                f"{host.name} is a production host and was not named to be touched.",
                do=f"Where it is meant, add --confirm {host.name}.",
            )
