"""`drillyard check`: one table of every service on every host, and an exit code for cron."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

from agent.cli.world import inventory_of, limited
from agent.errors import NotFound


def check(command: Namespace) -> int:
    """Print how each service is; 0 sound, 1 degraded, 2 down or damaged, 3 could not look (the worst)."""
    from agent.diagnosis.look import look_at
    from agent.runbook.reach import Reach

    hosts = [host for host in limited(command, inventory_of(command)) if host.services]
    if not hosts:
        raise NotFound(
            "None of the hosts that are meant serves anything.", do="Add `serves:` to the inventory."
        )
    with Reach(hosts) as reach, ThreadPoolExecutor(8) as pool:
        found = [health for each in pool.map(lambda host: look_at(host, reach), hosts) for health in each]
    for health in found:
        if command.json:
            sys.stdout.write(json.dumps({**asdict(health), "word": health.word}, ensure_ascii=False) + "\n")
            continue
        sys.stdout.write(
            f"{health.host:<14} {health.system:<10} {health.word:<16} {health.supervisor:<9} "
            f"answers: {health.answers:<14} data: {health.data:<8} backup: {health.backup}\n"
        )
        for symptom in health.symptoms:
            sys.stdout.write(f"    {symptom}\n")
    return max(health.level for health in found)
