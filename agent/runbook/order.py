"""What is to be run, on which hosts, by whom and why; and the folder that keeps it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent import __version__
from agent.errors import Usage
from agent.inventory import Host
from agent.language import Language
from agent.record.audit import who
from agent.record.journal import NAME, Journal
from agent.runbook.model import Page, Param, Seconds


@dataclass(frozen=True)
class Order:
    """One run as it was ordered.

    `inventory` are the sources as absolute paths, `pages` the folders searched before ours; `yes` answers
    every `confirm`. `forks` bounds how many hosts are worked on at a time. With `tags` only steps that carry
    one of them are done.
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


def open_run(order: Order, runs: Path) -> tuple[str, Path, Journal]:
    """Make the folder of a new run below `runs`, with a copy of its page and the head of its journal.

    Returns its id (`20261122-031500-redis_aof-1f0c`), folder and journal.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    run = f"{stamp}-{order.page.name}-{secrets.token_hex(2)}"
    folder = runs / run
    folder.mkdir(parents=True)
    page = Path(order.page.path)
    (folder / page.name).write_bytes(page.read_bytes())
    journal = Journal(folder / NAME)
    journal.write(
        "run",
        run=run,
        page=order.page.name,
        page_file=page.name,
        sha256=order.page.sha256,
        pages=[*order.pages, str(page.parent)],
        inventory=list(order.inventory),
        hosts=[host.name for host in order.hosts],
        params=json.loads(json.dumps(dict(order.params))),
        who=who(),
        reason=order.reason,
        language=order.language,
        forks=order.forks,
        tags=list(order.tags),
        version=__version__,
    )
    return run, folder, journal


def read_params(page: Page, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the page's parameters with what the operator gave as `name=value`, typed.

    Raises:
        Usage: a name the page does not have, a value that does not fit, or one that is missing.
    """
    unknown = sorted(set(given) - set(page.params))
    if unknown:
        known = ", ".join(sorted(page.params)) or "none"
        raise Usage(f"{page.name} has no parameter {unknown[0]!r}; it has {known}.")
    values: dict[str, Any] = {}
    for name, param in page.params.items():
        if name in given:
            values[name] = _typed(name, param, given[name])
        elif param.required:
            raise Usage(f"{page.name} needs the parameter {name!r}.", do=f"Add --set {name}=VALUE.")
        else:
            values[name] = param.default
    return values


def _typed(name: str, param: Param, text: str) -> Any:
    try:
        match param.type:
            case "number":
                return int(text) if re.fullmatch(r"[+-]?\d+", text) else float(text)
            case "flag":
                return {"yes": True, "true": True, "no": False, "false": False}[text.lower()]
            case "duration":
                return float(Seconds.of(text))
            case "time":
                return datetime.fromisoformat(text).astimezone(UTC).isoformat()
            case _:
                return text
    except (ValueError, KeyError):
        raise Usage(f"The parameter {name} should be a {param.type}, found {text!r}.") from None
