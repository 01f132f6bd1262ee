"""`drillyard backup take`, `list` and `verify`."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from agent.cli.world import inventory_of, limited
from agent.errors import NotFound

if TYPE_CHECKING:
    from agent.backup.model import Backup


def backup(command: Namespace) -> int:
    """Do it on every host meant that serves the system; one that fails ends it with its own code."""
    from agent.backup import actions
    from agent.runbook.reach import Reach
    from agent.transport.perform import perform

    inventory = inventory_of(command)
    hosts = [host for host in limited(command, inventory) if command.system in host.services]
    if not hosts:
        served = sorted({system for host in inventory for system in host.services})
        raise NotFound(
            f"No host that is meant serves {command.system}; the inventory has: {', '.join(served)}."
        )
    with Reach(hosts) as reach:
        for host in hosts:
            road, service = reach.to(host), host.service(command.system)
            if command.what == "list":
                found = perform(actions.history(service), road)
            elif command.what == "take":
                found = (perform(actions.take(service), road),)
            else:
                found = (perform(actions.verify(service, command.id), road),)
            for each in found:
                sys.stdout.write(_line(each, as_json=command.json) + "\n")
    return 0


def _line(backup: Backup, *, as_json: bool) -> str:
    if as_json:
        import msgspec

        return json.dumps(msgspec.to_builtins(backup), ensure_ascii=False)
    proof = f"verified: {backup.verified.depth}" if backup.verified else backup.fault or "not verified"
    held = ", ".join(f"{name} {count}" for name, count in backup.contents.items())
    return f"{backup.host:<12} {backup.id:<34} {backup.taken_at}  {backup.bytes:>12} B  {held}  {proof}"
