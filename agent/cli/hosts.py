"""`drillyard hosts`: the hosts of an inventory, what they serve, and whether they answer."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from agent.cli.world import inventory_of, limited, roads_of
from agent.errors import DrillyardError
from agent.inventory import Host, Inventory

if TYPE_CHECKING:
    from agent.transport import Roads


def hosts(command: Namespace) -> int:
    """Print a line a host; with --ping connect to them side by side, compare clocks with ours, show locks."""
    inventory = inventory_of(command)
    if command.graph:
        sys.stdout.write("\n".join(_graph(inventory, limited(command, inventory))) + "\n")
        return 0
    if not command.ping:
        for host in limited(command, inventory):
            sys.stdout.write(_line(_row(host), as_json=command.json) + "\n")
        return 0
    code = 0
    meant = limited(command, inventory)
    with roads_of(command) as roads, ThreadPoolExecutor(command.forks, thread_name_prefix="ping") as pool:
        answers = pool.map(lambda host: _ping(host, roads), meant)
        for host, (said, failed) in zip(meant, answers, strict=True):
            code = code or failed
            sys.stdout.write(_line({**_row(host), "ping": said}, as_json=command.json) + "\n")
    return code


def _row(host: Host) -> dict[str, Any]:
    return {
        "host": host.name,
        "road": host.road,
        "address": _address(host),
        "groups": list(host.groups),
        "serves": sorted(host.services),
        "environment": host.environment,
    }


def _address(host: Host) -> str:
    if host.road != "ssh":
        return host.address
    return f"{host.user + '@' if host.user else ''}{host.address}:{host.port}"


def _line(row: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(row, ensure_ascii=False)
    serves = ", ".join(row["serves"]) or "nothing"
    line = f"{row['host']:<16} {row['road']:<7} {row['address']:<28} {row['environment']:<12} serves {serves}"
    return f"{line}  {row['ping']}" if "ping" in row else line


def _ping(host: Host, roads: Roads) -> tuple[str, int]:
    from agent.record import lock
    from agent.transport.perform import perform

    begun = time.monotonic()
    road = roads(host)
    try:
        road.open()
        answered = (time.monotonic() - begun) * 1000
        now = road.clock()
        ahead = now - time.time()
        locks = perform(lock.held(host.state_dir, sudo=host.become), road)
    except DrillyardError as error:
        return str(error), error.exit_code
    finally:
        road.close()
    said = [f"answers in {answered:.0f} ms, clock {ahead:+.1f} s"]
    said += [f"{service} is locked by {owner.told(now)}" for service, owner in locks.items()]
    return "; ".join(said), 0


def _graph(inventory: Inventory, hosts: Sequence[Host]) -> Iterator[str]:
    """Yield groups and hosts as a tree, like `ansible-inventory --graph`; a group may stand in it twice."""
    meant = {host.name for host in hosts}
    below = {child for name, inside in inventory.children.items() if name != "all" for child in inside}
    top = [name for name in inventory.groups if name not in below and name != "all"]

    def tree(name: str, depth: int) -> Iterator[str]:
        inside = meant.intersection(inventory.groups[name])
        if not inside and name != "all":
            return
        indent = "  |" * depth
        yield f"{indent}--@{name}:" if depth else f"@{name}:"
        children = top if name == "all" else inventory.children.get(name, ())
        for child in sorted(children):
            if child in inventory.groups:
                yield from tree(child, depth + 1)
        shown = {host for child in children for host in inventory.groups.get(child, ())}
        for host in inventory.groups[name]:
            if host in inside and host not in shown:
                yield f"{indent}  |--{host}"

    yield from tree("all", 0)
