"""`backup_history.json` on the backup volume: which backups there are, by what is written there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from agent.backup.model import Backup, volume
from agent.errors import BackupDamaged, NoBackup
from agent.inventory.model import Service
from agent.transport.ask import Action, Done, Put, Sh

_VERSION = 1
_NONE = 44
_READ = f'# read the history of backups\nif [ -e "$1" ]; then cat "$1"; else exit {_NONE}; fi'


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
    everything = yield from _read_all(service)
    ours = [each for each in everything if each.system == service.system and each.host == service.host]
    return tuple(sorted(ours, key=lambda each: each.taken_at, reverse=True))


def record(service: Service, backup: Backup) -> Action[None]:
    """Add a backup to the history, or put it in the place of the one with its id; whole or not at all."""
    kept = [each for each in (yield from _read_all(service)) if each.id != backup.id]
    yield from _write(service, [*kept, backup])


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


def _read_all(service: Service) -> Action[tuple[Backup, ...]]:
    path = place(service)
    done: Done = yield Sh(_READ, path, script=True, sudo=True, ok=(0, _NONE), keep=64_000_000)
    if done.rc == _NONE:
        return ()
    try:
        history = msgspec.json.decode(done.out, type=_History)
    except msgspec.DecodeError as error:
        raise _damaged(service, str(error)) from None
    if history.version != _VERSION:
        raise _damaged(service, f"it is of version {history.version}, not {_VERSION}")
    names = [each.id for each in history.backups]
    if len(set(names)) != len(names):
        raise _damaged(service, "it has the same id twice")
    for each in history.backups:
        if not each.path.startswith(f"{volume(service)}/") or "/../" in each.path:
            raise _damaged(service, f"{each.id} is said to lie outside of the backup volume, in {each.path}")
    return history.backups


def _write(service: Service, backups: Iterable[Backup]) -> Action[None]:
    kept = tuple(sorted(backups, key=lambda each: (each.taken_at, each.id)))
    content = msgspec.json.format(msgspec.json.encode(_History(_VERSION, kept)), indent=1)
    yield Put(place(service), content + b"\n", mode=0o640, sudo=True)


def _damaged(service: Service, why: str) -> BackupDamaged:
    return BackupDamaged(
        f"{service.host}: expected a history of backups in {place(service)}, found that {why}.",
        do="Move that file aside and run `drillyard backup verify`; the backups beside it are not touched.",
    )
