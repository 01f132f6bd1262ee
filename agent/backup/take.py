"""Take a backup: room first, a file under its final name only when it is whole, then its entry."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from agent import __version__
from agent.backup import catalog
from agent.backup.lineage import breaks
from agent.backup.model import Backup, dumps_of, kind_of, volume
from agent.backup.sets import take_set
from agent.errors import NoRoom
from agent.inventory.model import Service
from agent.transport.ask import Action, Clock, Done, Note, Sh

_RESERVE = 64 << 20

_ROOM = """\
# the room on the backup volume
set -eu
umask 027
mkdir -p "$1/$2" "$1/metadata"
rm -f "$1/$2/"*.partial
df -B1 --output=avail,size "$1/$2" | tail -n 1
"""

_FINISH = """\
# checksum and final name of the backup
set -eu
umask 027
partial=$1 path=$2
if [ -e "$partial" ]; then
  if [ -e "$path" ]; then echo "$path is already there" >&2; exit 1; fi
  chmod 640 "$partial"
  sum=$(sha256sum "$partial" | cut -d' ' -f1)
  printf '%s  %s\\n' "$sum" "$(basename "$path")" > "$path.sha256"
  sync "$partial" "$path.sha256"
  mv "$partial" "$path"
  sync "$(dirname "$path")"
fi
cut -d' ' -f1 "$path.sha256"
stat -c %s "$path"
"""


def take(service: Service, kind: str = "") -> Action[Backup]:
    """Take a backup of a running service and enter it in the history, not yet verified.

    It lies in `<backup_dir>/<system>/<id><suffix>` with a sidecar that `sha256sum -c` reads; `kind` is one of
    the system's, else its first.

    Raises:
        NoRoom: the volume could not hold it and a reserve; nothing was begun.
        NotFound: the system has no dump, or none of that kind.
    """
    module, system = dumps_of(service)
    kind = kind_of(service, kind)
    if hasattr(module, "dump_set"):
        return (yield from take_set(service, kind))
    now: float = yield Clock()
    name = f"{service.system}_{time.strftime('%Y%m%d_%H%M%S', time.gmtime(now))}_{kind}"
    needs = yield from module.dump_needs(system, kind)
    yield from room(service, needs)
    path = f"{volume(service)}/{service.system}/{name}{module.DUMPS[kind]}"
    partial = f"{path}.partial"
    taken = yield from module.dump(system, partial, name, kind)
    done: Done = yield Sh(
        _FINISH,
        partial,
        path,
        script=True,
        sudo=True,
        changes=f"gives {path} its name and checksum",
        again="safe",
        timeout=4 * 3600.0,
        supposing=Done(0, b"unknown\n0\n"),
    )
    digest, size = done.text.split()
    backup = Backup(
        id=name,
        system=service.system,
        host=service.host,
        path=path,
        taken_at=datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds"),
        bytes=int(size),
        sha256=digest,
        mark=taken.mark,
        contents=taken.contents,
        tools={**taken.tools, "drillyard": __version__},
        kind=kind,
        usual=taken.usual,
        breaks=breaks((yield from catalog.read(service)), taken.before),
    )
    yield from catalog.record(service, backup)
    if backup.breaks:
        yield Note(f"{service.host}: {backup.breaks}")
    return backup


def room(service: Service, needs: int) -> Action[None]:
    """Make the folders of the backup volume; raise NoRoom where it cannot hold `needs` and a reserve."""
    done: Done = yield Sh(
        _ROOM,
        volume(service),
        service.system,
        script=True,
        sudo=True,
        changes=f"makes the folders of {volume(service)}",
        again="safe",
        supposing=Done(0, b"1000000000000 1000000000000\n"),
    )
    free, size = (int(word) for word in done.text.split())
    reserve = max(_RESERVE, size // 50)
    if free < needs + reserve:
        raise NoRoom(
            f"{service.host}: expected {(needs + reserve) >> 20} MiB free in {volume(service)} for a backup "
            f"and its reserve, found {free >> 20} MiB; nothing was begun.",
            do="Free some space on that volume, or grow it, and run again.",
        )
