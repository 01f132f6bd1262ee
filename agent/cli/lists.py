"""What an @ in --limit stands for: `@failed`, the hosts that failed last time, or `@FILE`, a host a line."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from agent.errors import NotFound, Usage
from agent.inventory import Inventory
from agent.naming import did_you_mean

_LIST = re.compile(r"(?:^|[:,!&])\s*@([^:,\[\]]+)")


def with_lists(inventory: Inventory, limit: str, runs: Path) -> Inventory:
    """Return the inventory with each list that `limit` names as a group of that name, so that it can be
    taken away, intersected and counted like any other.

    Raises:
        NotFound: there is no run, nobody failed in it, or a file names a host that is none.
        Usage: a file cannot be read.
    """
    found = {f"@{name}": _members(name.strip(), inventory, runs) for name in _LIST.findall(limit)}
    return dataclasses.replace(inventory, groups={**inventory.groups, **found}) if found else inventory


def _members(name: str, inventory: Inventory, runs: Path) -> tuple[str, ...]:
    named = _failed(runs) if name == "failed" else _written(name, inventory)
    return tuple(host for host in inventory.hosts if host in named)


def _failed(runs: Path) -> tuple[str, ...]:
    from agent.record.failed import failed_in
    from agent.record.journal import NAME, read_journal

    journals = sorted(runs.glob(f"*/{NAME}"), key=lambda path: path.stat().st_mtime_ns)
    if not journals:
        raise NotFound(f"@failed: there is no run below {runs}.")
    failed = failed_in(read_journal(journals[-1]))
    if not failed:
        raise NotFound(f"@failed: no host failed in the newest run, {journals[-1].parent.name}.")
    return failed


def _written(name: str, inventory: Inventory) -> tuple[str, ...]:
    try:
        lines = Path(name).expanduser().read_text().splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise Usage(
            f"@{name}: expected a file with a host a line, and it cannot be read: {problem}."
        ) from None
    hosts = tuple(line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#"))
    for number, host in enumerate(hosts, 1):
        if host not in inventory.hosts:
            hint = did_you_mean(host, inventory.hosts)
            raise NotFound(f"{name}:{number}: {host!r} is no host of the inventory.{hint}")
    return hosts
