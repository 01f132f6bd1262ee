"""Every backup of a service verified, as a schedule does once a week; one that is bad keeps none from it."""

from __future__ import annotations

from dataclasses import replace

from agent.backup import catalog
from agent.backup.model import Backup, Depth
from agent.backup.sets import line_of
from agent.backup.verify import verify
from agent.errors import BackupDamaged, NoBackup
from agent.inventory.model import Service
from agent.transport.ask import Action, Note


def verify_all(service: Service, depth: Depth = "restored") -> Action[tuple[Backup, ...]]:
    """Verify each backup of the history, the newest first; what was found bad before is not read again.

    What it goes on from is verified before it, and read and unpacked once for all that go on from it. What is
    pruned meanwhile is passed over.

    Raises:
        NoBackup: the history has none.
        BackupDamaged: some are not what the history says; it has their faults now, and all were looked at.
    """
    known = yield from catalog.read(service)
    if not known:
        raise NoBackup(
            f"{service.host}: expected backups of {service.system} to verify, found none in the history.",
            do=f"Take one: drillyard backup take {service.system}.",
        )
    proved: list[Backup] = []
    bad: list[str] = []
    summed: set[str] = set()
    ordered = {part.id: part for each in known for part in reversed(line_of(known, each))}
    for each in ordered.values():
        if each.fault:
            proved.append(each)
            continue
        try:
            restored = [one.id for one in proved if not one.fault] if depth == "restored" else []
            proved.append((yield from verify(service, each.id, depth, proved=restored, summed=summed)))
        except NoBackup:
            yield Note(f"{each.id} was pruned meanwhile")
        except BackupDamaged as error:
            left = {one.id for one in (yield from catalog.read(service))}
            if each.id not in left:
                yield Note(f"{each.id} was pruned meanwhile")
                continue
            yield Note(error.sentence)
            bad.append(each.id)
            proved.append(replace(each, fault=error.sentence, verified=None))
    if bad:
        raise BackupDamaged(
            f"{service.host}: expected each of {len(proved)} backups to be sound, found that "
            f"{', '.join(bad)} {'is' if len(bad) == 1 else 'are'} not.",
            do="None of these will be used for a recovery. Take a new backup now.",
        )
    return tuple(proved)
