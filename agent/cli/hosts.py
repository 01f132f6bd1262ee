"""`drillyard hosts`: the hosts of an inventory, what they serve, and whether they answer."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from typing import Any

from agent.cli.world import inventory_of, limited
from agent.errors import DrillyardError
from agent.inventory import Host


def hosts(command: Namespace) -> int:
    """Print a line a host; with --ping connect to each and compare its clock with ours."""
    inventory = inventory_of(command)
    code = 0
    for host in limited(command, inventory):
        row: dict[str, Any] = {
            "host": host.name,
            "road": host.road,
            "address": f"{host.user + '@' if host.user else ''}{host.address}:{host.port}",
            "groups": list(host.groups),
            "serves": sorted(host.services),
            "environment": host.environment,
        }
        if command.ping:
            row["ping"], failed = _ping(host)
            code = code or failed
        sys.stdout.write(_line(row, as_json=command.json) + "\n")
    return code


def _line(row: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(row, ensure_ascii=False)
    serves = ", ".join(row["serves"]) or "nothing"
    line = f"{row['host']:<16} {row['road']:<7} {row['address']:<28} {row['environment']:<12} serves {serves}"
    return f"{line}  {row['ping']}" if "ping" in row else line


def _ping(host: Host) -> tuple[str, int]:
    from agent.transport import open_road

    begun = time.monotonic()
    road = open_road(host)
    try:
        road.open()
        ahead = road.clock() - time.time()
    except DrillyardError as error:
        return str(error), error.exit_code
    finally:
        road.close()
    return f"answers in {(time.monotonic() - begun) * 1000:.0f} ms, clock {ahead:+.1f} s", 0
