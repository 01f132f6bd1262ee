"""`drillyard backup schedule`: the units or cron lines by which backups take, prove and watch themselves."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.world import roads_of, sources_of
from agent.errors import NoRoom, Usage

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
    for kind in _wanted(command, services):
        if kind == "ship":
            # Apart from taking: a copy that takes hours to arrive holds up no backup.
            often = (asked if command.kind == "ship" else None) or every(WHEN[kind])
            jobs.append(_job(command, (kind, f"Copies {title}", often), ("ship",)))
        elif kind == "verify":
            often = (asked if command.kind else None) or every(WHEN[kind])
            jobs.append(_job(command, (kind, f"Weekly proof {title}", often), ("verify", "--all", "--deep")))
        elif kind == "check":
            often = (asked if command.kind else None) or CHECKS
            jobs.append(_job(command, (kind, f"Alarm {title}", often), ("check",)))
        else:
            often = asked or every(WHEN.get(kind, "1h"))
            what = f"Backups of {command.system} by Drillyard"
            take = ("take", *(("--kind", kind) if kind else ()))
            job = _job(command, (kind, what, often), take, _prunes(services), _only_after(kind, services))
            turn = f"drillyard-backup-{command.system}" if len(_tiers(services)) > 1 else ""
            jobs.append(replace(job, turn=turn))
    return tuple(jobs)


def _wanted(command: Namespace, services: Sequence[Service]) -> Sequence[str]:
    """Return which jobs: what takes one kind, or the one that is named, else all that keeps backups in order.

    Raises:
        NotFound: the system has no such kind, or nowhere to send copies to.
    """
    from agent.backup.model import kind_of
    from agent.backup.ship import stores_wanted

    ships = [service for service in services if "ship_to" in service.settings]
    if command.kind == "ship" and not ships:
        stores_wanted(services[0], "")
    if command.kind in ("ship", "verify", "check"):
        return (command.kind,)
    if command.kind:
        kind_of(services[0], command.kind)
    kinds = [command.kind] if command.kind else [*_kinds(command, services)]
    return (*kinds, *(("ship",) if ships else ()), *(() if command.kind else ("verify", "check")))


def _kinds(command: Namespace, services: Sequence[Service]) -> Sequence[str]:
    """Return which kinds are taken: those the policy keeps; "" is the first of a system that has no tiers.

    Raises:
        Usage: how often was said of several.
    """
    tiers = _tiers(services)
    if tiers and command.every:
        raise Usage(
            f"--every says how often one kind is taken; {command.system} has {', '.join(tiers)}.",
            do="Name one: --kind hourly --every 30m.",
        )
    return tiers or ("",)


def _tiers(services: Sequence[Service]) -> Sequence[str]:
    """Return the tiers of a system that has some: those that the policy keeps, else all."""
    from agent.backup.model import dumps_of
    from agent.backup.retention import tiers_of
    from agent.backup.schedule import WHEN

    tiered = [kind for kind in WHEN if kind in dumps_of(services[0])[0].DUMPS]
    kept = {kind for service in services for kind in tiers_of(service).kinds}
    return [kind for kind in tiered if kind in kept] or tiered


def _prunes(services: Sequence[Service]) -> tuple[str, ...]:
    """Return what prunes; what a store lacks is never pruned, so that it waits for no far end."""
    return ("prune",) if any("keep" in service.settings for service in services) else ()


def _only_after(kind: str, services: Sequence[Service]) -> int | None:
    """Return behind which exit code alone it is pruned (None = whatever came of the backup).

    To prune is to read all that stays. Where a daily or weekly one does it, an hourly one does only where
    there was no room.
    """
    return NoRoom.exit_code if kind == "hourly" and len(_tiers(services)) > 1 else None


def _job(
    command: Namespace,
    what: tuple[str, str, Every],
    verb: tuple[str, ...],
    then: tuple[str, ...] = (),
    only_after: int | None = None,
) -> Job:
    from agent.backup.schedule import Job, mailed

    kind, title, often = what
    words = [word for source in sources_of(command) for word in ("-i", str(source))]
    words += ["--limit", command.limit] if command.limit else []

    def line(name: str, *more: str) -> tuple[str, ...]:
        return (*_program(), "backup", name, command.system, *more, *words)

    first = line(*verb)
    if kind == "check" and command.mail:
        first = mailed(first, command.mail, f"Backups of {command.system}")
    return Job(
        name=f"drillyard-backup-{command.system}{f'-{kind}' if kind else ''}",
        title=title,
        command=first,
        every=often,
        user=getpass.getuser(),
        folder=str(Path.cwd()),
        then=line(*then) if then else (),
        only_after=only_after,
    )


def _program() -> tuple[str, ...]:
    """Return how this very program is started again, wherever it is installed."""
    beside = Path(sys.executable).with_name("drillyard")
    return (str(beside),) if beside.exists() else (sys.executable, "-m", "agent")
