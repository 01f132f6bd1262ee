"""Verify backups: by their checksum, by opening them, by restoring them; and find the newest that holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from agent.backup import catalog
from agent.backup.choose import choose
from agent.backup.model import Backup, Depth, Verified, dumps_of
from agent.errors import BackupDamaged, NoBackup
from agent.inventory.model import Service
from agent.transport.ask import Action, Clock, Done, Note, Sh

_SUMS = """\
# size and checksum of the backup
if [ ! -f "$1" ]; then echo missing; exit 0; fi
stat -c %s "$1"
sha256sum "$1" | cut -d' ' -f1
cut -d' ' -f1 "$1.sha256" 2>/dev/null || echo none
"""


def verify(service: Service, name: str = "", depth: Depth = "restored") -> Action[Backup]:
    """Verify a backup (the newest where `name` is empty) as deep as asked; what was found enters the history.

    Raises:
        BackupDamaged: it is not what its history says; the history now has its fault.
    """
    backup = catalog.find(service, (yield from catalog.read(service)), name)
    module, system = dumps_of(service)
    wrong = yield from fault_of(backup)
    detail, contents = "its bytes are those that were taken", backup.contents
    if not wrong and depth != "checksum":
        found = yield from module.check_dump(system, backup.path, backup.mark, depth)
        wrong = "" if found.sound else found.detail
        detail, contents = found.detail, found.contents if depth == "restored" else contents
    now: float = yield Clock()
    if wrong:
        yield from catalog.record(service, replace(backup, fault=wrong, verified=None))
        raise BackupDamaged(
            f"{service.host}: expected {backup.id} to be sound, found: {wrong}.",
            do="It will not be used for a recovery. Take a new backup now.",
        )
    at = datetime.fromtimestamp(int(now), UTC).isoformat()
    proved = replace(backup, verified=Verified(depth, at, detail), contents=contents, fault="")
    yield from catalog.record(service, proved)
    return proved


def newest(service: Service, required: bool = True) -> Action[Backup | None]:
    """Return the newest backup that was restored for proof and whose bytes are still the same.

    Raises:
        NoBackup: there is none and it is `required`; the sentence says why not each of the others.
        BackupDamaged: the history cannot be read and a backup is `required`.
    """
    now: float = yield Clock()
    try:
        known = yield from catalog.read(service)
    except BackupDamaged as error:
        if required:
            raise
        yield Note(f"No backup is used: {error.sentence}")
        return None
    choice = choose(known, datetime.fromtimestamp(now, UTC))
    reasons = list(choice.passed_over)
    for backup in choice.order:
        wrong = yield from fault_of(backup)
        if not wrong:
            return backup
        reasons.append(f"{backup.id}: {wrong}")
        yield Note(f"Backup {backup.id} is not used: {wrong}")
    if required:
        why = "; ".join(reasons) or "the history is empty"
        raise NoBackup(
            f"{service.host}: expected a verified backup of {service.system}, found none: {why}.",
            do="Run `drillyard backup verify`, or `drillyard backup take` while the service is well.",
        )
    return None


def fault_of(backup: Backup) -> Action[str]:
    """Return what is wrong with a backup's file by its size and checksum; empty where nothing is."""
    done: Done = yield Sh(_SUMS, backup.path, script=True, sudo=True, timeout=1800)
    words = done.text.split()
    if words[:1] == ["missing"]:
        return f"{backup.path} is not there"
    if len(words) != 3:
        return f"{backup.path} cannot be read"
    size, digest, sidecar = words
    if int(size) != backup.bytes:
        return f"it has {size} bytes, its history says {backup.bytes}"
    if digest != backup.sha256:
        return "its SHA-256 is not the one in its history"
    if sidecar != backup.sha256:
        return f"its sidecar and its history disagree on its SHA-256 (the sidecar says {sidecar[:12]})"
    return ""
