"""`drillyard check` and `auto-recover`: how every service is, and the page that answers its symptoms."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agent import naming
from agent.cli.screens import agree
from agent.cli.world import inventory_of, language_of, limited
from agent.errors import NotFound, Refused

if TYPE_CHECKING:
    from agent.diagnosis.health import Health
    from agent.diagnosis.remedy import Advice
    from agent.systems import Symptom


def check(command: Namespace) -> int:
    """Print how each service is; 0 sound, 1 degraded, 2 down or damaged, 3 could not look (the worst)."""
    found = _look(command)
    for health in found:
        if command.json:
            sys.stdout.write(json.dumps({**asdict(health), "word": health.word}, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("\n".join(_lines(health, language_of(command))) + "\n")
    return max(health.level for health in found)


def auto_recover(command: Namespace) -> int:
    """Name the page that answers the symptoms, show its plan, and run it where that is agreed to."""
    from agent.diagnosis.remedy import advise
    from agent.runbook.load import load_page

    folders = [Path(each).absolute() for each in command.pages]
    pages = [load_page(path, folders) for path in naming.pages(folders).values()]
    code = 0
    for health in _look(command):
        sys.stdout.write("\n".join(_lines(health, language_of(command))) + "\n")
        if health.level in (0, 3):
            code = max(code, health.level)
            continue
        code = max(code, _recover(command, advise(health, pages)))
    return code


def _recover(command: Namespace, advice: Advice) -> int:
    from agent.cli import runs

    health = advice.health
    for symptom in advice.uncovered:
        sys.stdout.write(f"    no page covers {symptom.id}\n")
    if not advice.pages:
        return health.level
    for name, covered in advice.pages.items():
        sys.stdout.write(f"    page {name} answers {', '.join(symptom.id for symptom in covered)}\n")
    name = _choose(list(advice.pages), f"{health.host}/{health.system}")
    command.page, command.limit = name, health.host
    runs.plan(command)
    if not (command.yes and health.host not in command.production) and not agree(
        f"Run {name} on {health.host}?"
    ):
        raise Refused(
            f"{health.host}: {name} would be run, and nobody agreed.",
            do=f"Agree at a terminal, or run it: drillyard run {name} --limit {health.host}.",
        )
    return runs.run(command)


def _choose(names: list[str], where: str) -> str:
    if len(names) == 1:
        return names[0]
    if sys.stdin.isatty():
        sys.stderr.write(f"{where}: which page, {' or '.join(names)}? ")
        sys.stderr.flush()
        said = sys.stdin.readline().strip()
        if said in names:
            return said
    raise Refused(
        f"{where}: {len(names)} pages fit: {', '.join(names)}.",
        do="Run the one you mean: drillyard run PAGE.",
    )


def _look(command: Namespace) -> list[Health]:
    from agent.diagnosis.look import look_at
    from agent.runbook.reach import Reach

    hosts = [host for host in limited(command, inventory_of(command)) if host.services]
    if not hosts:
        raise NotFound(
            "None of the hosts that are meant serves anything.", do="Add `serves:` to the inventory."
        )
    command.production = {host.name for host in hosts if host.environment == "production"}
    with Reach(hosts) as reach, ThreadPoolExecutor(8) as pool:
        return [health for each in pool.map(lambda host: look_at(host, reach), hosts) for health in each]


def _lines(health: Health, language: str) -> Iterator[str]:
    yield (
        f"{health.host:<14} {health.system:<10} {health.word:<16} {health.supervisor:<9} "
        f"answers: {health.answers:<14} data: {health.data:<8} backup: {health.backup}"
    )
    for symptom in health.symptoms:
        yield f"    {symptom.id:<24} {_said(symptom, language)}"
    for reason in health.unseen:
        yield f"    could not look: {reason}"


def _said(symptom: Symptom, language: str) -> str:
    said = symptom.ko if language == "ko" else symptom.en
    return f"{said}: {symptom.evidence}" if symptom.evidence else said
