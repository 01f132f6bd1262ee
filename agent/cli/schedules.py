"""`drillyard backup schedule`: the units or cron lines by which backups take, prove and watch themselves."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.world import roads_of, sources_of
from agent.errors import Usage

if TYPE_CHECKING:
    from agent.backup.schedule import Every, Job
    from agent.inventory import Host, Service


def schedule(command: Namespace, hosts: Sequence[Host]) -> int:
    """Print what has this machine take, ship, prune, prove and watch backups; --install puts it in place."""
    from agent.backup import schedule as schedules
    from agent.inventory import Host
    from agent.transport.local import LocalRoad
    from agent.transport.perform import perform

    if command.kind == "continuous":
        return _continuous(command, hosts)
    jobs = _jobs(command, hosts)
    for job in jobs:
        for name, text in schedules.files(job, command.format).items():
            sys.stdout.write(f"# {name}\n{text}\n")
    if command.install:
        state = Path.home() / ".local/state/drillyard"
        road = LocalRoad(Host(name="this machine", road="local", state_dir=str(state)))
        for job in jobs:
            perform(schedules.install(job, command.format, as_root=os.geteuid() == 0), road)
            sys.stdout.write(f"# installed: {job.name} at {job.every.calendar}\n")
    return 0


def _continuous(command: Namespace, hosts: Sequence[Host]) -> int:
    """Print what ships the database of each host all the time; with --install, install it there."""
    from agent.at_rest import stream
    from agent.naming import verb
    from agent.runbook.reach import Reach
    from agent.transport.perform import perform

    with roads_of(command) as roads, Reach(hosts, roads=roads) as reach:
        for host in hosts:
            service = host.service(command.system)
            data = verb(f"{service.system}.shipping").of(service)
            if not data.stream:
                raise Usage(f"Expected `continuous: true` at {service.at}, found it switched off.")
            for path, text in stream.files(data).items():
                sys.stdout.write(f"# {host.name}:{path}\n{text}\n")
            if command.install:
                perform(stream.install(data), reach.to(host))
                sys.stdout.write(f"# installed on {host.name}\n")
    return 0


def _jobs(command: Namespace, hosts: Sequence[Host]) -> tuple[Job, ...]:
    """Return what is done by itself: the one kind that is named, else all that keeps backups in order."""
    from agent.backup.schedule import CHECKS, WHEN, every

    services = [host.service(command.system) for host in hosts]
    asked = every(command.every) if command.every else None
    title = f"of the backups of {command.system} by Drillyard"
    jobs = []
    for kind in (command.kind,) if command.kind else (*_kinds(command, services), "verify", "check"):
        if kind == "verify":
            often = (asked if command.kind else None) or every(WHEN[kind])
            jobs.append(
                _job(command, (kind, f"Weekly proof {title}", often), [("verify", ("--all", "--deep"))])
            )
        elif kind == "check":
            often = (asked if command.kind else None) or CHECKS
            jobs.append(_job(command, (kind, f"Alarm {title}", often), [("check", ())]))
        else:
            often = asked or every(WHEN.get(kind, "1h"))
            what = f"Backups of {command.system} by Drillyard"
            jobs.append(_job(command, (kind, what, often), _takes(kind, services)))
    return tuple(jobs)


def _kinds(command: Namespace, services: Sequence[Service]) -> Sequence[str]:
    """Return which kinds are taken: those the policy keeps; "" is the first of a system that has no tiers.

    Raises:
        Usage: how often was said of several.
    """
    from agent.backup.model import dumps_of
    from agent.backup.retention import tiers_of
    from agent.backup.schedule import WHEN

    tiered = [kind for kind in WHEN if kind in dumps_of(services[0])[0].DUMPS]
    if not tiered:
        return ("",)
    if command.every:
        raise Usage(
            f"--every says how often one kind is taken; {command.system} has {', '.join(tiered)}.",
            do="Name one: --kind hourly --every 30m.",
        )
    kept = {kind for service in services for kind in tiers_of(service).kinds}
    return [kind for kind in tiered if kind in kept] or tiered


def _takes(kind: str, services: Sequence[Service]) -> list[tuple[str, tuple[str, ...]]]:
    from agent.backup.model import kind_of

    if kind:
        kind_of(services[0], kind)
    verbs: list[tuple[str, tuple[str, ...]]] = [("take", ("--kind", kind) if kind else ())]
    # What a store lacks is never pruned, so that comes first: nothing has to wait for a far end that is down.
    verbs += [("prune", ())] if any("keep" in service.settings for service in services) else []
    verbs += [("ship", ())] if any("ship_to" in service.settings for service in services) else []
    return verbs


def _job(
    command: Namespace, what: tuple[str, str, Every], verbs: Sequence[tuple[str, tuple[str, ...]]]
) -> Job:
    from agent.backup.schedule import Job, mailed

    kind, title, often = what
    words = [word for source in sources_of(command) for word in ("-i", str(source))]
    words += ["--limit", command.limit] if command.limit else []
    lines = [(*_program(), "backup", verb, command.system, *more, *words) for verb, more in verbs]
    if kind == "check" and command.mail:
        lines = [mailed(line, command.mail, f"Backups of {command.system}") for line in lines]
    return Job(
        name=f"drillyard-backup-{command.system}{f'-{kind}' if kind else ''}",
        title=title,
        commands=tuple(lines),
        every=often,
        user=getpass.getuser(),
        folder=str(Path.cwd()),
    )


def _program() -> tuple[str, ...]:
    """Return how this very program is started again, wherever it is installed."""
    beside = Path(sys.executable).with_name("drillyard")
    return (str(beside),) if beside.exists() else (sys.executable, "-m", "agent")
