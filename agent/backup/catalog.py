"""`backup_history.json` on the backup volume: which backups there are, by what is written there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from agent.backup.model import Backup, volume
from agent.errors import BackupDamaged, NoBackup, StepFailed
from agent.inventory.model import Service
from agent.transport.ask import Action, Done, Sh

_VERSION = 1
_NONE = 44
_OTHER = 75
_TRIES = 20

_READ = f"""\
# read the history of backups
if [ ! -e "$1" ]; then exit {_NONE}; fi
sha256sum <"$1" | cut -d' ' -f1
cat "$1"
"""

# A schedule and a person may write at the same moment: whoever comes second reads again.
_WRITE = f"""\
# write the history of backups, unless it has changed since it was read
set -eu
path=$1 seen=$2
umask 027
mkdir -p "${{path%/*}}"
exec 9>>"$path.lock"
flock 9
now=none
[ ! -e "$path" ] || now=$(sha256sum <"$path" | cut -d' ' -f1)
[ "$now" = "$seen" ] || exit {_OTHER}
{{ cat >"$path.new" && sync "$path.new"; }} || {{ rm -f "$path.new"; exit 1; }}
mv "$path.new" "$path"
sync "${{path%/*}}"
"""


@dataclass(frozen=True)
class _History:
    version: int
    backups: tuple[Backup, ...]


def place(service: Service) -> str:
    """Return the path of the history on the host."""
    return f"{volume(service)}/metadata/backup_history.json"


def read(service: Service) -> Action[tuple[Backup, ...]]:
    """Return the backups of this service, the newest first; none where no history was written yet.

    Raises:
        BackupDamaged: the history cannot be read, or says what cannot be true.
    """
    everything, _ = yield from _read_all(service)
    ours = [each for each in everything if is_ours(service, each)]
    return tuple(sorted(ours, key=lambda each: each.taken_at, reverse=True))


def is_ours(service: Service, backup: Backup) -> bool:
    """Return whether a backup is one of this service: a history may be that of several."""
    return backup.system == service.system and backup.host == service.host


def record(service: Service, backup: Backup) -> Action[None]:
    """Add a backup to the history, or put it in the place of the one with its id; whole or not at all."""
    yield from change(service, lambda known: [*(each for each in known if each.id != backup.id), backup])


def revise(service: Service, name: str, how: Callable[[Backup], Backup]) -> Action[None]:
    """Change what the history says of one backup; one that has gone meanwhile does not come back."""
    yield from change(
        service,
        lambda known: [how(each) if each.id == name and is_ours(service, each) else each for each in known],
    )


def forget(service: Service, ids: Iterable[str]) -> Action[None]:
    """Take backups of this service out of the history; their files stay."""
    gone = frozenset(ids)
    yield from change(
        service, lambda known: [each for each in known if not (is_ours(service, each) and each.id in gone)]
    )


def change(service: Service, how: Callable[[tuple[Backup, ...]], Iterable[Backup]]) -> Action[None]:
    """Write the history that `how` makes of the present one, whatever others write meanwhile.

    Raises:
        BackupDamaged: as `read`.
        StepFailed: others kept writing it.
    """
    for _ in range(_TRIES):
        known, seen = yield from _read_all(service)
        kept = tuple(sorted(how(known), key=lambda each: (each.taken_at, each.id)))
        content = msgspec.json.format(msgspec.json.encode(_History(_VERSION, kept)), indent=1)
        done: Done = yield Sh(
            *(_WRITE, place(service), seen),
            script=True,
            sudo=True,
            stdin=content + b"\n",
            ok=(0, _OTHER),
            changes=f"writes {place(service)}",
            again="safe",
            supposing=Done(0),
        )
        if done.rc == 0:
            return
    raise StepFailed(
        f"{service.host}: expected to write {place(service)}, found it changed by others {_TRIES} times.",
        do="See which other process writes it, and run again.",
    )


def find(service: Service, backups: Iterable[Backup], name: str) -> Backup:
    """Return the backup of that id, or the newest where `name` is empty.

    Raises:
        NoBackup: there is none of that id, or none at all; the sentence lists what there is.
    """
    known = list(backups)
    for each in known:
        if name in ("", each.id):
            return each
    listed = ", ".join(each.id for each in known) or "none"
    wanted = f"backup {name}" if name else "a backup"
    raise NoBackup(
        f"{service.host}: expected {wanted} in the history, found {listed}.",
        do=f"Take one: drillyard backup take {service.system}.",
    )


def _read_all(service: Service) -> Action[tuple[tuple[Backup, ...], str]]:
    """Return every backup of the history and the fingerprint of what was read."""
    path = place(service)
    done: Done = yield Sh(_READ, path, script=True, sudo=True, ok=(0, _NONE), keep=64_000_000)
    if done.rc == _NONE:
        return (), "none"
    seen, _, content = done.out.partition(b"\n")
    try:
        history = msgspec.json.decode(content, type=_History)
    except msgspec.DecodeError as error:
        raise _damaged(service, str(error)) from None
    if history.version != _VERSION:
        raise _damaged(service, f"it is of version {history.version}, not {_VERSION}")
    names = [each.id for each in history.backups]
    if len(set(names)) != len(names):
        raise _damaged(service, "it has the same id twice")
    for each in history.backups:
        for part in each.files:
            if not part.path.startswith(f"{volume(service)}/") or "/../" in part.path:
                raise _damaged(
                    service, f"{each.id} is said to lie outside of the backup volume, in {part.path}"
                )
    return history.backups, seen.decode("ascii", "replace")


def _damaged(service: Service, why: str) -> BackupDamaged:
    return BackupDamaged(
        f"{service.host}: expected a history of backups in {place(service)}, found that {why}.",
        do="Move that file aside; of sets with a manifest `drillyard backup adopt` tells it anew, unproved, "
        "and `drillyard backup verify` proves them. The backups beside it are not touched.",
    )
