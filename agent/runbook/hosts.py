"""Which of a run's hosts a step concerns, and in what batches; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from agent.inventory import Host, Inventory
from agent.inventory.patterns import match
from agent.runbook.model import Page, Step


def meant_by(step: Step, page: Page, hosts: Sequence[Host], run: Sequence[Host]) -> list[Host]:
    """Return those of `hosts` that a step is for: whom its `on` names, else who serves what it acts on."""
    system = step.concerns(page.system)
    if step.on or not system:
        return within(hosts, step.on, run)
    return [host for host in hosts if system in host.services]


def within(hosts: Sequence[Host], pattern: str, run: Sequence[Host]) -> list[Host]:
    """Return those of `hosts` that a step's `on` names; no pattern names them all.

    The pattern is read against the hosts of the run, so that `--limit` narrows it further.
    """
    if not pattern:
        return list(hosts)
    groups: dict[str, tuple[str, ...]] = {"all": tuple(host.name for host in run)}
    for host in run:
        for group in host.groups:
            groups[group] = (*groups.get(group, ()), host.name)
    named = {host.name for host in match(Inventory({host.name: host for host in run}, groups), pattern)}
    return [host for host in hosts if host.name in named]


def share_of(hosts: Sequence[Host], serial: int | str) -> Iterator[list[Host]]:
    """Yield the hosts in batches: of `serial` hosts, or of a share such as "30%"; 0 means all at once."""
    if not hosts:
        return
    text = str(serial)
    size = max(1, len(hosts) * int(text[:-1]) // 100) if text.endswith("%") else int(text) or len(hosts)
    for start in range(0, len(hosts), size):
        yield list(hosts[start : start + size])
