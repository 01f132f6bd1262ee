"""`drillyard runbooks`: the pages there are, and whether each would work on an inventory."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from agent import naming
from agent.cli.world import inventory_of, language_of
from agent.errors import BadPage, NotFound, Usage
from agent.language import say

if TYPE_CHECKING:
    from agent.inventory import Inventory
    from agent.runbook.model import Page

_OURS = naming.HERE / "runbook" / "pages"


def runbooks(command: Namespace) -> int:
    """List pages, check them against an inventory, or print a schema: the pages', or that of the events."""
    from agent.runbook.load import load_page

    if command.what == "schema":
        return _schema(command.page)
    folders = [Path(each) for each in command.pages]
    found = naming.pages(folders)
    names = command.page or sorted(found)
    loaded = [load_page(naming.find_page(name, folders), folders=folders) for name in names]
    language = language_of(command)
    if command.what == "list":
        for page in loaded:
            goals = page.objectives
            row = {
                "page": page.name,
                "title": say(page.title, language),
                "system": page.system,
                "rto": str(goals.rto or ""),
                "rpo": str(goals.rpo or ""),
                "path": page.path,
            }
            plain = f"{row['page']:<22} RTO {row['rto']:<6} RPO {row['rpo']:<6} {row['title']}"
            sys.stdout.write((json.dumps(row, ensure_ascii=False) if command.json else plain) + "\n")
        return 0
    return _check(command, loaded)


def _schema(of: list[str]) -> int:
    if of == ["events"]:
        from agent.screen.schema import schema_text
    elif of in ([], ["pages"]):
        from agent.runbook.schema import schema_text
    else:
        raise Usage(f"runbooks schema {' '.join(of)}: expected pages or events.")
    sys.stdout.write(schema_text())
    return 0


def _check(command: Namespace, loaded: list[Page]) -> int:
    """Print what does not fit, the ladder of who is told included; without an inventory, reading did."""
    from agent.notify.ladder import ladder_of
    from agent.runbook.check import check_page

    code = 0
    apart: list[str] = []
    if command.inventory or os.environ.get("DRILLYARD_INVENTORY"):
        inventory = inventory_of(command)
        ladder_of(list(inventory))
        for page in loaded:
            # A page of ours about what this world does not have is no mistake of its owner.
            if Path(page.path).parent == _OURS and _for_others(page, inventory):
                apart.append(page.name)
                continue
            for problem in check_page(page, inventory):
                sys.stdout.write(f"{problem}\n")
                code = BadPage.exit_code if problem.severity == "error" else code
    if not code:
        sound = len(loaded) - len(apart)
        sys.stdout.write("1 page is sound.\n" if sound == 1 else f"{sound} pages are sound.\n")
    if apart:
        sys.stdout.write(f"Not for these hosts, which do not serve it: {', '.join(sorted(apart))}.\n")
    return code


def _for_others(page: Page, inventory: Inventory) -> bool:
    """Whether nobody there serves what a page is about, or has a group of the hosts that it names."""
    from agent.inventory import match

    served = {system for host in inventory for system in host.services}
    try:
        match(inventory, page.on)
    except NotFound:
        return True
    return bool(page.system) and page.system not in served
