"""Backups of several files of one instant: an increment is only used with what it goes on from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from agent import __version__
from agent.backup import catalog
from agent.backup.choose import choose
from agent.backup.lineage import behind_break, emptied
from agent.backup.model import Backup, Depth, Laid, Part, Sets, dumps_of, shut, volume
from agent.errors import NotFound
from agent.inventory.model import Service
from agent.transport.ask import Action, Clock, Done, Note, Sh

_MANIFESTS = """\
# the sets that lie there
if [ -d "$1/metadata" ]; then find "$1/metadata" -maxdepth 1 -type f -name '[!.]*.json' -printf '%f\\n'; fi
"""


def take_set(service: Service, kind: str) -> Action[Backup]:
    """Have a system lay down a set and enter it in the history, not yet verified.

    Which may go on from another goes on from the newest that was verified with all that one needs. A set
    whose taking was killed before it was entered is entered first.
    """
    module, system = dumps_of(service)
    known = yield from _listed(service)
    now: float = yield Clock()
    # Encrypted for others, what was taken here before was verified here by its checksum only.
    depth: Depth = "checksum" if shut(service) else "restored"
    good = choose(known, datetime.fromtimestamp(now, UTC), depth, whole=True).order
    parent = next((each.id for each in good if not missing(known, each)), "")
    laid = yield from cast(Sets, module).dump_set(system, kind, parent)
    backup = yield from _held_to(service, known, _backup(service, laid, kind))
    yield from catalog.record(service, backup)
    return backup


def _held_to(service: Service, known: Sequence[Backup], backup: Backup) -> Action[Backup]:
    """Hold a set to those before it: data that went is said, and where it is back, what was taken between."""
    lost = behind_break(known)
    why = emptied((each for each in known if each.id not in lost), backup)
    if why and not lost:
        yield Note(f"{service.host}: {why}")
        return replace(backup, breaks=why)
    if lost and not why:
        yield Note(
            f"{service.host}: the data is back; {', '.join(sorted(lost))}, taken without it, is not used."
        )
        yield from put_aside(service, lost)
    return backup


def put_aside(service: Service, lost: Mapping[str, str]) -> Action[None]:
    """Give backups of lost data, by id, the reason for a fault: none of them is used again."""
    yield from catalog.change(
        service,
        lambda entries: [
            replace(each, fault=lost[each.id], breaks="")
            if each.id in lost and catalog.is_ours(service, each)
            else each
            for each in entries
        ],
    )


def _listed(service: Service) -> Action[tuple[Backup, ...]]:
    known = yield from catalog.read(service)
    done: Done = yield Sh(_MANIFESTS, volume(service), script=True, sudo=True)
    lie = {line.removesuffix(".json") for line in done.text.splitlines()} - {"backup_history"}
    if lie <= {each.id for each in known}:
        return known
    for each in (yield from adopt(service)):
        yield Note(f"{service.host}: {each.id} lay there and was in no history; it is not yet verified.")
    return (yield from catalog.read(service))


def adopt(service: Service) -> Action[tuple[Backup, ...]]:
    """Enter sets that lie there and that the history does not have: it was lost, or they came by hand.

    They are entered unverified. A history that cannot be read has to be moved aside first.

    Raises:
        BackupDamaged: the history is there and cannot be read.
        NotFound: the system's backups do not say by themselves what they are.
    """
    module, system = dumps_of(service)
    if not hasattr(module, "list_sets"):
        raise NotFound(f"The backups of {service.system} cannot be told without their history.")
    laid = yield from cast(Sets, module).list_sets(system)
    known = {each.id for each in (yield from catalog.read(service))}
    found = tuple(_backup(service, each, each.kind) for each in laid if each.id not in known)
    yield from catalog.change(service, lambda entries: [*entries, *found])
    return found


def _backup(service: Service, laid: Laid, kind: str) -> Backup:
    path, size, total = laid.manifest
    return Backup(
        id=laid.id,
        system=service.system,
        host=service.host,
        path=path,
        taken_at=datetime.fromtimestamp(laid.taken, UTC).isoformat(timespec="milliseconds"),
        bytes=size,
        sha256=total,
        contents=laid.contents,
        tools={"drillyard": __version__},
        kind=kind,
        parent=laid.parent,
        parts=tuple(Part(*each) for each in laid.parts),
    )


def line_of(known: Iterable[Backup], backup: Backup) -> tuple[Backup, ...]:
    """Return a backup with those it goes on from, as far as the history has them, itself first."""
    by_id = {each.id: each for each in known}
    found = [backup]
    while found[-1].parent in by_id and by_id[found[-1].parent] not in found:
        found.append(by_id[found[-1].parent])
    return tuple(found)


def missing(known: Iterable[Backup], backup: Backup) -> str:
    """Return what a backup lacks of those it goes on from; empty where it lacks nothing."""
    known = tuple(known)
    line = line_of(known, backup)
    for each in line[1:]:
        if each.fault:
            return f"it goes on from {each.id}, of which: {each.fault}"
    if line[-1].parent:
        return f"it is an increment without its base: {line[-1].parent} is not in the history"
    return ""
