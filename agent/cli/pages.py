"""`drillyard runbooks`: the pages there are, and whether each would work on an inventory."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from pathlib import Path

from agent import naming
from agent.cli.world import inventory_of, language_of
from agent.language import say


def runbooks(command: Namespace) -> int:
    """List pages, check them against an inventory, or print the schema for editors."""
    from agent.runbook.load import load_page

    if command.what == "schema":
        from agent.runbook.schema import page_schema

        sys.stdout.write(json.dumps(page_schema(), indent=2) + "\n")
        return 0
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


def _check(command: Namespace, loaded: list[object]) -> int:
    from agent.errors import BadPage
    from agent.runbook.check import check_page

    named = command.inventory or os.environ.get("DRILLYARD_INVENTORY")
    inventory = inventory_of(command) if named else None
    code = 0
    for page in loaded:
        for problem in check_page(page, inventory):  # type: ignore[arg-type]
            sys.stdout.write(f"{problem}\n")
            code = BadPage.exit_code if problem.fatal else code
    return code
