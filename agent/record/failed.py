"""Which hosts did not come through a run, as its journal tells it; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_BAD = frozenset({"failed", "unreachable", "unknown"})


def failed_in(lines: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the hosts that failed, were unreachable, or are unknown, in the run's order.

    Where the run was killed before it could say so, a host counts whose last step failed or never ended.
    """
    hosts: list[str] = []
    last: dict[str, str] = {}
    for line in lines:
        match line["kind"]:
            case "run":
                hosts = list(line["hosts"])
            case "resumed":
                last = {host: state for host, state in last.items() if state == "started"}
            case "step":
                last[line["host"]] = line["state"]
            case "unreachable":
                last[line["host"]] = "unreachable"
            case "end":
                last = dict(line.get("hosts", last))
    return tuple(host for host in hosts if last.get(host) in _BAD | {"started"})
