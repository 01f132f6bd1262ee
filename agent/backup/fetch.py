"""A backup brought back from a store: for a host that lost its own, or that takes another host's place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from agent.backup import catalog
from agent.backup.choose import choose
from agent.backup.model import Backup, Part, volume
from agent.backup.sets import line_of, missing
from agent.backup.ship import folder_there, name_there
from agent.backup.store import Store, stores_of
from agent.backup.take import room
from agent.backup.verify import fault_in_file
from agent.errors import DrillyardError, NoBackup, StepFailed
from agent.inventory.model import Service
from agent.transport.ask import Action, Clock, Done, Note, Sh

# The sum is made of what arrived; only what is right gets its name and its sidecar.
_ARRIVED = """\
# checksum and name of what arrived
set -eu
umask 027
partial=$1 path=$2 wanted=$3
if [ -e "$partial" ]; then
  sum=$(sha256sum <"$partial" | cut -d' ' -f1)
  if [ "$sum" != "$wanted" ]; then rm -f "$partial"; echo "its SHA-256 is $sum" >&2; exit 1; fi
  chmod 640 "$partial"
  printf '%s  %s\\n' "$sum" "${path##*/}" >"$path.sha256"
  sync "$partial" "$path.sha256"
  mv "$partial" "$path"
fi
[ -e "$path" ]
"""


_THERE = """\
# the folder it comes to
set -eu
umask 027
mkdir -p "${1%/*}"
"""

_HOURS = 4 * 3600.0


def fetch(
    service: Service, required: bool = True, origin: str = "", store: str = ""
) -> Action[Backup | None]:
    """Bring the newest verified backup of this host (or of `origin`) here, and enter it in the history.

    The stores are asked for what they hold; one that does not answer is passed over, with a note. With
    `store` only those whose name begins so are asked, such as `s3://`. What has arrived before is not brought
    once more.

    Raises:
        NoBackup: no store has one that arrives whole, and it is `required`.
        NoRoom: the backup volume could not hold it.
    """
    stores = [each for each in stores_of(service) if each.name.startswith(store)]
    held, reasons = yield from _held(service, origin or service.host, stores)
    now: float = yield Clock()
    choice = choose([backup for backup, _ in held], datetime.fromtimestamp(now, UTC), whole=True)
    reasons += choice.passed_over
    for backup in choice.order:
        for found, place in held:
            if found is not backup:
                continue
            try:
                return (
                    yield from _bring_line(service, [each for each, at in held if at is place], backup, place)
                )
            except StepFailed as error:
                reasons.append(f"{backup.id} from {place.name}: {error.sentence}")
                yield Note(f"Backup {backup.id} is not used: {error.sentence}")
    if required:
        raise NoBackup(
            f"{service.host}: expected a verified backup of {service.system} of {origin or service.host} in "
            f"a store, found none: {'; '.join(reasons) or f'the inventory names no store {store}'.strip()}.",
            do="Name a store in the inventory (ship_to), or bring a backup here by hand.",
        )
    return None


def _held(
    service: Service, origin: str, stores: Sequence[Store]
) -> Action[tuple[list[tuple[Backup, Store]], list[str]]]:
    held: list[tuple[Backup, Store]] = []
    reasons: list[str] = []
    for store in stores:
        try:
            done: Done = yield store.entries(folder_there(store, service.system, origin))
        except DrillyardError as error:
            reasons.append(f"{store.name} does not answer: {error.sentence}")
            yield Note(f"The store {store.name} is passed over: {error.sentence}")
            continue
        held += [(each, store) for each in entries_in(done.out)]
    return held, reasons


def entries_in(lines: bytes) -> Sequence[Backup]:
    """Return the backups whose entries a store printed."""
    found = []
    for line in lines.splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Backup))
        except msgspec.DecodeError:
            # A far end may hold files of others too.
            continue
    return found


def _bring_line(service: Service, held: Sequence[Backup], backup: Backup, store: Store) -> Action[Backup]:
    """Bring a backup with all that it goes on from, the base first."""
    lacks = missing(held, backup)
    if lacks:
        raise StepFailed(
            f"{service.host}: expected {store.name} to hold what {backup.id} needs, found: {lacks}."
        )
    line = line_of(held, backup)
    lacking: dict[str, int] = {}
    for part in (_here(service, each, part, store) for each in line for part in each.files):
        # It may be here by a run that was broken off, or for another backup that goes on from the same.
        if (yield from fault_in_file(part)):
            lacking[part.path] = part.bytes
    yield from room(service, sum(lacking.values()))
    for each in reversed(line):
        here = yield from _bring(service, each, store, lacking)
    return here


def _here(service: Service, backup: Backup, part: Part, store: Store) -> Part:
    """Return a file of a backup as it lies here once it has been brought."""
    name = name_in(backup, part, store)
    path = f"{volume(service)}/{name}" if backup.parts else f"{volume(service)}/{service.system}/{name}"
    return replace(part, path=path)


def name_in(backup: Backup, part: Part, store: Store) -> str:
    """Return a file's name below a store's folder; what lies there is no reason to touch anything else.

    Raises:
        StepFailed: the name leads out of the folder.
    """
    name = name_there(backup, part)
    if not all(each.strip(".") and each.isprintable() for each in name.split("/")):
        raise StepFailed(
            f"{store.name}: expected {backup.id} to name files below its own folder, found {part.path!r}.",
            do="Somebody has changed what lies there; look at it, and use another store or --id.",
        )
    return name


def _bring(service: Service, backup: Backup, store: Store, lacking: Collection[str]) -> Action[Backup]:
    arrived = []
    for part in backup.files:
        arrived.append(_here(service, backup, part, store))
        path, there = arrived[-1].path, name_in(backup, part, store)
        there = f"{folder_there(store, backup.system, backup.host)}/{there}"
        if path not in lacking:
            continue
        yield Sh(_THERE, path, script=True, sudo=True, changes=f"makes the folder of {path}", again="safe")
        yield store.receive(there, f"{path}.partial", part.sha256)
        yield Sh(
            *(_ARRIVED, f"{path}.partial", path, part.sha256),
            script=True,
            sudo=True,
            changes=f"gives {path} its name",
            again="safe",
            timeout=_HOURS,
            supposing=Done(0),
        )
    *parts, last = arrived
    here = replace(backup, host=service.host, path=last.path, parts=tuple(parts))
    yield from catalog.record(service, here)
    return here
