"""What is to be run, on which hosts, by whom and why; and the folder that keeps it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent import __version__
from agent.inventory import Host
from agent.language import Language
from agent.record.audit import who
from agent.record.journal import NAME, Journal
from agent.runbook.model import Page
from agent.runbook.params import as_written


@dataclass(frozen=True)
class Order:
    """One run as it was ordered.

    `inventory` are the sources as absolute paths, `pages` the folders searched before ours; `yes` answers
    every `confirm`. `forks` bounds how many hosts are worked on at a time. With `tags` (see `tags.chosen`)
    only steps that carry one of them are done. `engine` is what carries it ("" = this process by itself).
    """

    page: Page
    hosts: tuple[Host, ...]
    inventory: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    pages: tuple[str, ...] = ()
    reason: str = ""
    language: Language = "en"
    yes: bool = False
    forks: int = 8
    tags: tuple[str, ...] = ()
    engine: str = ""


def open_run(order: Order, runs: Path) -> tuple[str, Path, Journal]:
    """Make the folder of a new run below `runs`, with copies of its pages and the head of its journal.

    What is in it is on disk when we return, and is all that a resume needs beside an inventory. Returns its
    id (`20261122-031500-redis_aof-1f0c`), folder and journal.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    run = f"{stamp}-{order.page.name}-{secrets.token_hex(2)}"
    folder = runs / run
    folder.mkdir(parents=True)
    page = Path(order.page.path)
    files = {order.page.path: page.name}
    for n, each in enumerate(order.page.included):
        files.setdefault(each.path, f"included/{n}-{Path(each.path).name}")
    if order.page.included:
        (folder / "included").mkdir()
    for path, name in files.items():
        _keep(folder / name, Path(path).read_bytes())
    journal = Journal(folder / NAME)
    journal.begin(
        "run",
        run=run,
        page=order.page.name,
        page_file=page.name,
        sha256=order.page.sha256,
        pages=[*order.pages, str(page.parent)],
        included=[
            {"by": files[each.by], "name": each.name, "file": files[each.path], "sha256": each.sha256}
            for each in order.page.included
        ],
        **sources(order, folder),
        hosts=[host.name for host in order.hosts],
        params=json.loads(json.dumps(as_written(order.params))),
        who=who(),
        reason=order.reason,
        language=order.language,
        forks=order.forks,
        tags=list(order.tags),
        engine=order.engine,
        version=__version__,
    )
    for place in {(folder / name).parent for name in files.values()} | {folder, runs}:
        _sync(place)
    return run, folder, journal


def sources(order: Order, folder: Path) -> dict[str, list[str]]:
    """Return where the inventory is, as a journal keeps it: as it was named, and from the run's folder."""
    named = list(order.inventory)
    return {"inventory": named, "from_here": [os.path.relpath(each, folder) for each in named]}


def _keep(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Have the names in a folder on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
