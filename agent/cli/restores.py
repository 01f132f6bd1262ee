"""`drillyard backup restore`: which page puts a backup back, run as `drillyard run` runs it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.cli import runs
from agent.errors import NotFound, Usage
from agent.naming import did_you_mean

if TYPE_CHECKING:
    from agent.inventory import Host


@dataclass(frozen=True)
class Face:
    """How a system's backups are put back: on hosts that serve `serves`, by `page`.

    `at` is the page for a moment ("" = the last good backup from before it is looked up and named to
    `page`), `spare` the one for a host that replaces another. `chosen` = the page takes an id.
    """

    serves: str
    page: str
    at: str = ""
    spare: str = ""
    chosen: bool = True
    given: tuple[str, ...] = ()


FACES = {
    "refserver": Face("refserver", "unified_restore", at="point_in_time", spare="host_lost"),
    "sqlite": Face("refserver", "sqlite_corruption", given=("even_if_sound=true",)),
    "chromadb": Face("refserver", "chromadb_corruption", given=("even_if_sound=true",)),
    "files": Face("refserver", "files_restore", chosen=False),
    "redis": Face("redis", "redis_total_loss"),
}


def face_of(system: str) -> Face:
    """Return how a system's backups are put back.

    Raises:
        NotFound: no page does it; the sentence lists what there is.
    """
    if system in FACES:
        return FACES[system]
    raise NotFound(
        f"No page puts a backup of {system} back.{did_you_mean(system, FACES)} There is: {', '.join(FACES)}.",
        do="MongoDB goes by captured changes: `drillyard run mongodb_pitr`.",
    )


def restore(command: Namespace, hosts: Sequence[Host]) -> int:
    """Run the page that puts the backup back on the one host meant; with --dry-run say what it would do.

    Consent, production's names, plan, lock, journal and audit are those of `drillyard run`.

    Raises:
        Usage: more than one host is meant, or more than one backup, or one the page cannot be told.
    """
    face = face_of(command.system)
    host = _one(command, hosts)
    page, given = _order(command, face, host)
    told = Namespace(**vars(command))
    told.page, told.set, told.limit = page, [*given], host.name
    told.reason = command.reason or f"backup restore {command.system}"
    return runs.plan(told) if command.dry_run else runs.run(told)


def _one(command: Namespace, hosts: Sequence[Host]) -> Host:
    named = [host for host in hosts if command.to in ("", host.name)]
    names = [host.name for host in hosts]
    if not named:
        raise NotFound(
            f"No host {command.to} is meant.{did_you_mean(command.to, names)} There is: {', '.join(names)}."
        )
    if len(named) > 1:
        raise Usage(
            f"A backup is put back on one host at a time, and these are meant: {', '.join(names)}.",
            do="Name it: --to HOST.",
        )
    return named[0]


def _order(command: Namespace, face: Face, host: Host) -> tuple[str, tuple[str, ...]]:
    """Return the page and what it is told."""
    name, at = command.id, command.at
    ways = [way for way, said in (("an id", name), ("--at", at), ("--latest", command.latest)) if said]
    if len(ways) > 1:
        raise Usage(f"Expected one backup to put back, found {' and '.join(ways)}.")
    if face.spare and host.vars.get("replaces"):
        if name or at:
            raise Usage(
                f"{host.name} replaces {host.vars['replaces']}, and gets the newest good backup of it.",
                do="Run it with --latest, and then with an id of those that it has.",
            )
        return face.spare, ()
    if (name or at) and not face.chosen:
        raise Usage(f"{face.page} takes each file from whichever backup has it, and is told no backup.")
    if at and face.at:
        return face.at, (f"at={at}",)
    if at:
        name = _last_before(command, face, host)
    return face.page, (*((f"backup={name}",) if name else ()), *face.given)


def _last_before(command: Namespace, face: Face, host: Host) -> str:
    """Look up the last good backup from before the moment, and say how far from it that is."""
    from agent.backup import actions
    from agent.cli.aloud import Aloud
    from agent.cli.world import roads_of
    from agent.runbook.reach import Reach
    from agent.transport.perform import perform

    with roads_of(command) as roads, Reach([host], roads=roads) as reach:
        found = perform(actions.latest_at(host.service(face.serves), command.at), reach.to(host), Aloud())
    return found.id
