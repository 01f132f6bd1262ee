"""Verify backups: by their checksum, by opening them, by restoring them; and find the newest that holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from agent.backup import catalog
from agent.backup.choose import choose, fault_in, moment
from agent.backup.model import DEPTHS, Backup, Depth, Part, Sets, Verified, dumps_of
from agent.backup.sets import line_of, missing
from agent.errors import BackupDamaged, NoBackup
from agent.inventory.model import Service
from agent.transport.ask import Action, Clock, Done, Note, Sh

_SUMS = """\
# size and checksum of the backup
[ ! -L "$1" ] && [ ! -L "$1.sha256" ] || { echo link; exit 0; }
[ -f "$1" ] || { echo missing; exit 0; }
stat -c %s "$1"
sha256sum "$1" | cut -d' ' -f1
cut -d' ' -f1 "$1.sha256" 2>/dev/null || echo none
"""

_HOURS = 4 * 3600.0


def verify(
    service: Service,
    name: str = "",
    depth: Depth = "restored",
    *,
    proved: Collection[str] | None = (),
    summed: set[str] | None = None,
) -> Action[Backup]:
    """Verify a backup (the newest where `name` is empty) as deep as asked; what was found enters the history.

    Of what it goes on from, those in `proved` (None = whatever the history calls restored) are read and held
    to their sums, and not unpacked once more. Files in `summed` were read a moment ago; more join them.

    Raises:
        BackupDamaged: it is not what its history says; the history now has its fault.
    """
    known = yield from catalog.read(service)
    backup = catalog.find(service, known, name)
    module, system = dumps_of(service)
    wrong = yield from fault_with_line(known, backup, summed)
    detail, contents = "its bytes are those that were taken", backup.contents
    if not wrong and depth != "checksum":
        if hasattr(module, "dump_set"):
            before = _restored(known, backup) if proved is None else proved
            found = yield from cast(Sets, module).check_dump(system, backup, depth, before)
        else:
            found = yield from module.check_dump(system, backup, depth)
        wrong = "" if found.sound else found.detail
        detail, contents = found.detail, found.contents if depth == "restored" else contents
    now: float = yield Clock()
    if wrong:
        yield from catalog.revise(service, backup.id, lambda each: replace(each, fault=wrong, verified=None))
        raise BackupDamaged(
            f"{service.host}: expected {backup.id} to be sound, found: {wrong}.",
            do="It will not be used for a recovery. Take a new backup now.",
        )
    at = datetime.fromtimestamp(int(now), UTC).isoformat()
    told = Verified(depth, at, detail)
    if backup.verified and DEPTHS.index(backup.verified.depth) > DEPTHS.index(depth):
        # These are the bytes that were proved by more than what was asked for now.
        told = backup.verified
    # It may have been shipped meanwhile, or pruned: a proof may take an hour.
    yield from catalog.revise(
        service, backup.id, lambda each: replace(each, verified=told, contents=contents, fault="")
    )
    return replace(backup, verified=told, contents=contents, fault="")


def _restored(known: Iterable[Backup], backup: Backup) -> list[str]:
    line = line_of(known, backup)[1:]
    return [
        each.id for each in line if each.verified and each.verified.depth == "restored" and not each.fault
    ]


def newest(
    service: Service, required: bool = True, kind: str = "", whole: bool = False
) -> Action[Backup | None]:
    """Return the newest backup that was restored for proof and whose bytes are still the same.

    `kind` narrows it to backups of that kind. With `whole`, backups of data that had been lost before they
    were taken do not count (see lineage.py).

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
    of_kind = tuple(each for each in known if kind in ("", each.kind))
    choice = choose(of_kind, datetime.fromtimestamp(now, UTC), whole=whole)
    reasons = list(choice.passed_over)
    for backup in choice.order:
        wrong = yield from fault_with_line(known, backup)
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


def latest_at(service: Service, at: str) -> Action[Backup]:
    """Return the newest backup that can be relied on and was taken not after `at`, and say what that misses.

    `at` is a time such as `2025-01-19 14:00:00`: the host's own, unless it carries an offset.

    Raises:
        NoBackup: there is none; the sentence says why not each of those that were taken before.
        StepFailed: `at` is no time.
    """
    done: Done = yield Sh("date", "--date", at, "+%s")
    wanted = float(done.text)
    known = yield from catalog.read(service)
    early = [each for each in known if (when := moment(each.taken_at)) and when.timestamp() <= wanted]
    now: float = yield Clock()
    choice = choose(early, datetime.fromtimestamp(now, UTC))
    reasons = list(choice.passed_over)
    for backup in choice.order:
        wrong = yield from fault_with_line(known, backup)
        if not wrong:
            taken = datetime.fromisoformat(backup.taken_at)
            minutes = (wanted - taken.timestamp()) / 60
            yield Note(
                f"{service.host}: {backup.id} of {taken:%Y-%m-%d %H:%M:%S} UTC is the last one before {at}; "
                f"what was written in the {minutes:.0f} min between the two is not in it."
            )
            return backup
        reasons.append(f"{backup.id}: {wrong}")
        yield Note(f"Backup {backup.id} is not used: {wrong}")
    raise NoBackup(
        f"{service.host}: expected a verified backup from before {at}, found none: "
        f"{'; '.join(reasons) or 'none was taken so early'}.",
        do="Run `drillyard backup list`; a later moment may be within reach.",
    )


def named(service: Service, name: str) -> Action[Backup]:
    """Return the backup of that id where it was restored for proof and its bytes are still the same.

    Raises:
        NoBackup: there is none of that id, or it cannot be relied on; the sentence says why.
    """
    now: float = yield Clock()
    known = yield from catalog.read(service)
    backup = catalog.find(service, known, name)
    wrong = fault_in(backup, moment(backup.taken_at), datetime.fromtimestamp(now, UTC), "restored")
    wrong = wrong or (yield from fault_with_line(known, backup))
    if wrong:
        raise NoBackup(
            f"{service.host}: expected to rely on {name}, found: {wrong}.",
            do="Run `drillyard backup verify`, or name another one.",
        )
    return backup


def fault_of(backup: Backup, summed: set[str] | None = None) -> Action[str]:
    """Return what is wrong with a backup's files by their sizes and checksums; empty where nothing is.

    Those in `summed` were read a moment ago; what is right joins them.
    """
    sound = set() if summed is None else summed
    for part in backup.files:
        wrong = "" if part.path in sound else (yield from fault_in_file(part))
        if wrong:
            return wrong if part.path == backup.path else f"{part.path.rpartition('/')[2]}: {wrong}"
        sound.add(part.path)
    return ""


def fault_with_line(known: Iterable[Backup], backup: Backup, summed: set[str] | None = None) -> Action[str]:
    """Return what is wrong with a backup or with one of those it goes on from; empty where nothing is."""
    known = tuple(known)
    why = missing(known, backup)
    if why:
        return why
    for each in line_of(known, backup):
        wrong = yield from fault_of(each, summed)
        if wrong:
            return wrong if each is backup else f"it goes on from {each.id}, of which: {wrong}"
    return ""


def fault_in_file(part: Part) -> Action[str]:
    """Return what is wrong with one file of a backup by its size, its sum and its sidecar."""
    done: Done = yield Sh(_SUMS, part.path, script=True, sudo=True, timeout=_HOURS)
    words = done.text.split()
    if words[:1] == ["missing"]:
        return f"{part.path} is not there"
    if words[:1] == ["link"]:
        # Whoever holds what it leads to could change that between this check and its use.
        return f"{part.path} or its sidecar is a symbolic link, not a file of its own"
    if len(words) != 3:
        return f"{part.path} cannot be read"
    size, digest, sidecar = words
    if int(size) != part.bytes:
        return f"it has {size} bytes, its history says {part.bytes}"
    if digest != part.sha256:
        return "its SHA-256 is not the one in its history"
    if sidecar != part.sha256:
        return f"its sidecar and its history disagree on its SHA-256 (the sidecar says {sidecar[:12]})"
    return ""
