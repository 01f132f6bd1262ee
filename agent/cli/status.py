"""`drillyard check` and `auto-recover`: how every service is, and the page that answers its symptoms."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agent import naming
from agent.cli.checked import health_lines
from agent.cli.screens import agree
from agent.cli.world import inventory_of, language_of, limited, roads_of
from agent.errors import NotFound, Refused
from agent.screen.words import word

if TYPE_CHECKING:
    from agent.diagnosis.health import Health
    from agent.diagnosis.remedy import Advice
    from agent.runbook.model import Page


def check(command: Namespace) -> int:
    """Print how each service is; 0 sound, 1 degraded, 2 down or damaged, 3 could not look (the worst)."""
    found = _look(command)
    for health in found:
        if command.json:
            sys.stdout.write(json.dumps({**asdict(health), "word": health.word}, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("\n".join(health_lines(health, language_of(command))) + "\n")
    return max(health.level for health in found)


def auto_recover(command: Namespace) -> int:
    """Name the page that answers the symptoms, show its plan, and run it where that is agreed to."""
    from agent.diagnosis.remedy import advise
    from agent.runbook.load import load_page

    folders = [Path(each).absolute() for each in command.pages]
    pages = [load_page(path, folders) for path in naming.pages(folders).values()]
    code = 0
    ran: dict[tuple[str, str], int] = {}
    for health in _look(command):
        sys.stdout.write("\n".join(health_lines(health, language_of(command))) + "\n")
        if health.level in (0, 3):
            code = max(code, health.level)
            continue
        code = max(code, _recover(command, advise(health, pages), pages, ran))
    return code


def _recover(
    command: Namespace,
    advice: Advice,
    pages: Sequence[Page] = (),
    ran: dict[tuple[str, str], int] | None = None,
) -> int:
    """Run the page that helps; `ran` are those of before, by page and hosts, with their codes."""
    from agent.cli import runs

    health = advice.health
    for symptom in advice.uncovered:
        sys.stdout.write(f"    no page covers {symptom.id}\n")
    if not advice.pages:
        return health.level
    for name, covered in advice.pages.items():
        sys.stdout.write(f"    page {name} answers {', '.join(symptom.id for symptom in covered)}\n")
    name = _choose(list(advice.pages), f"{health.host}/{health.system}")
    ran = {} if ran is None else ran
    about = next((page.system for page in pages if page.name == name), health.system)
    hosts = _hosts(command, name, about, health)
    where = ",".join(hosts)
    if (name, where) in ran:
        sys.stdout.write(f"    page {name} was run on {where} just now\n")
        return ran[name, where]
    command.page, command.limit = name, where
    if code := runs.plan(command):
        return code
    language = language_of(command)
    needless = command.yes and not command.production & {*hosts}
    if not needless and not agree(word("run it", language).format(name, where), language=language):
        raise Refused(
            f"{health.host}: {name} would be run, and nobody agreed.",
            do=f"Agree at a terminal, or run it: drillyard run {name} --limit {where}.",
        )
    _unchanged(health, _look(Namespace(**vars(command))))
    ran[name, where] = runs.run(command)
    return ran[name, where]


def _hosts(command: Namespace, page: str, about: str, health: Health) -> list[str]:
    """Return where a page about that system is run: the host, and that of the system where it is another one.

    Raises:
        Refused: several hosts serve the page's system, and nothing tells which of them is meant.
    """
    if health.system == about:
        return [health.host]
    served = {host.name: host.services for host in command.looked_at}
    others = [name for name, services in served.items() if about in services]
    if health.host in others:
        return [health.host]
    if len(others) != 1:
        raise Refused(
            f"{health.host}: {page} is about {about}, and {len(others)} of the hosts that were looked at "
            f"serve it: {', '.join(others)}.",
            do=f"Name both: drillyard run {page} --limit {health.host},HOST.",
        )
    return [*others, health.host]


def _unchanged(before: Health, now: Sequence[Health]) -> None:
    """Refuse where the service is not any more as it was when the page was chosen; the pause may be long.

    Raises:
        Refused: its symptoms or what cannot be looked at differ; the sentence says both.
    """
    found = next((each for each in now if (each.host, each.system) == (before.host, before.system)), None)
    was, is_ = _shown(before), _shown(found) if found else "gone"
    if was != is_:
        raise Refused(
            f"{before.host}: {before.system} has changed since the page was chosen: it was {was}, "
            f"and is {is_} now. Nothing was run.",
            do="Run auto-recover again: it chooses by what is there now.",
        )


def _shown(health: Health) -> str:
    from agent.diagnosis.health import OLD_BACKUP

    # A backup grows old while somebody thinks about it: no page is chosen by that.
    names = sorted(symptom.id for symptom in health.symptoms if symptom.id != OLD_BACKUP.id)
    return f"{health.word} ({', '.join(names)})" if names else health.word


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
    from agent.runbook.rails import is_production
    from agent.runbook.reach import Reach

    hosts = [host for host in limited(command, inventory_of(command)) if host.services]
    if not hosts:
        raise NotFound(
            "None of the hosts that are meant serves anything.", do="Add `serves:` to the inventory."
        )
    command.looked_at = hosts
    command.production = {host.name for host in hosts if is_production(host)}
    with (
        roads_of(command) as roads,
        Reach(hosts, forks=command.forks, roads=roads) as reach,
        ThreadPoolExecutor(command.forks) as pool,
    ):
        return [health for each in pool.map(lambda host: look_at(host, reach), hosts) for health in each]
