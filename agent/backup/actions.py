"""`do: backup.newest` and its like: the verbs of backups that pages and commands use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from agent.backup import catalog, sets
from agent.backup import fetch as fetching
from agent.backup import prune as pruning
from agent.backup import ship as shipping
from agent.backup import verify as proofs
from agent.backup.alarm import CRITICAL, OK, Verdict, judge, judge_shipping
from agent.backup.choose import moment
from agent.backup.limits import said as limits_said
from agent.backup.lineage import behind_break, breaks
from agent.backup.model import Backup, Depth, dumps_of, shut, volume
from agent.backup.prune import Pruned
from agent.backup.retention import tiers_of
from agent.backup.ship import Shipped
from agent.backup.store import store_names
from agent.backup.take import take as take_one
from agent.errors import BackupDamaged
from agent.inventory.model import Service
from agent.transport.ask import Action, Clock, Done, Note, Put, Sh

_DAY = """\
# when a day of this host begins and ends; after a time of day, +1 would be read as a zone
date --date "$1" +%s && date --date "$1 +1 day" +%s
"""
_FREE = """\
# the room on the backup volume
while [ ! -d "$1" ] && [ "$1" != / ]; do set -- "$(dirname "$1")"; done
df -B1 --output=avail "$1" | tail -n 1
"""


def take(service: Service, depth: Depth | None = "restored", kind: str = "") -> Action[Backup]:
    """Take a backup of the running service, verified at once as deep as asked (None: not verified).

    One that is encrypted and that nothing here opens is verified by its checksum.
    """
    backup = yield from take_one(service, kind)
    if depth and depth != "checksum" and shut(service):
        depth = "checksum"
        yield Note(f"{service.host}: {backup.id} is encrypted and no identity is given: checked by its sum")
    # It goes on from what was proved when that was taken, and is once a week: an hour is not enough for all.
    return (yield from proofs.verify(service, backup.id, depth, proved=None)) if depth else backup


def verify(service: Service, name: str = "", depth: Depth = "restored") -> Action[Backup]:
    """Verify the backup of that id, or the newest; its depth enters the history, or its fault."""
    return (yield from proofs.verify(service, name, depth))


def newest(
    service: Service, required: bool = True, kind: str = "", whole: bool = False, name: str = ""
) -> Action[Backup | None]:
    """Return the newest verified backup whose bytes are still the same; None where there need not be one.

    With `whole`, only one of data that had not been lost before. `name` asks for the one of that id.
    """
    if name:
        return (yield from proofs.named(service, name))
    return (yield from proofs.newest(service, required, kind, whole))


def latest_at(service: Service, at: str) -> Action[Backup]:
    """Return the newest verified backup of not after a time: the host's own, or one with its offset."""
    return (yield from proofs.latest_at(service, at))


def adopt(service: Service) -> Action[tuple[Backup, ...]]:
    """Enter backups that lie there and that the history does not have, unverified: it was lost, say."""
    return (yield from sets.adopt(service))


def watch(service: Service, stamp: bool = True) -> Action[Verdict]:
    """Say whether backups are as they should be; where they are, with `stamp`, leave the time beside them.

    The stamp `metadata/last_good_check` is for a monitor that notices when nobody checks any more.
    """
    try:
        known = yield from catalog.read(service)
    except BackupDamaged as error:
        return Verdict(CRITICAL, error.sentence)
    now: float = yield Clock()
    done: Done = yield Sh(_FREE, volume(service), script=True, sudo=True)
    when = datetime.fromtimestamp(now, UTC)
    tiers = tiers_of(service)
    limits = limits_said(service, tiers)
    found = judge(known, tiers, when, store_names(service), int(done.text), limits)
    found = max((found, *(yield from _shipping(service, when))), key=lambda each: each.level)
    if found.level == OK and stamp:
        yield Put(f"{volume(service)}/metadata/last_good_check", f"{when.isoformat()}\n".encode(), sudo=True)
    return found


def _shipping(service: Service, now: datetime) -> Action[list[Verdict]]:
    """Look at the continuous shipping of a system that has one, where it is switched on."""
    if not service.settings.get("continuous"):
        return []
    module, system = dumps_of(service)
    look = getattr(module, "shipping", None)
    how = (yield from look(system)) if look else None
    return judge_shipping(how.running, how.behind, how.newest, now) if how else []


def history(service: Service) -> Action[tuple[Backup, ...]]:
    """Return the backups of this service by its history, the newest first."""
    return (yield from catalog.read(service))


def on(service: Service, date: str = "") -> Action[tuple[Backup, ...]]:
    """Return the backups taken on a day (2025-01-19, by the host's clock), or all; the newest first."""
    known = yield from catalog.read(service)
    if not date:
        return known
    done: Done = yield Sh(_DAY, date, script=True)
    first, last = (float(word) for word in done.text.split())
    return tuple(
        each for each in known if (taken := moment(each.taken_at)) and first <= taken.timestamp() < last
    )


def accept(service: Service) -> Action[int]:
    """Say that what was taken since a loss is in order; return how many backups this concerned."""
    known = yield from catalog.read(service)
    broken = [each for each in known if each.breaks]
    if broken:
        ids = {each.id for each in broken}
        yield from catalog.change(
            service,
            lambda all_of_them: [
                replace(each, breaks="") if each.id in ids and catalog.is_ours(service, each) else each
                for each in all_of_them
            ],
        )
    return len(broken)


def set_aside(service: Service) -> Action[int]:
    """Say that the data was put back: no backup taken of its lost state is used again; return how many."""
    known = yield from catalog.read(service)
    lost = behind_break(known)
    if lost:
        yield from sets.put_aside(service, lost)
    return len(lost)


def set_back(service: Service, mark: str | None) -> Action[str]:
    """Return why the data, which holds `mark`, does not go on from its backups; empty where it does."""
    known = yield from catalog.read(service)
    lost = behind_break(known)
    newest = next((each for each in known if not each.fault), None)
    if newest and newest.id in lost:
        return lost[newest.id]
    return breaks(known, mark)


def ship(service: Service, name: str = "", to: str = "", again: bool = False) -> Action[tuple[Shipped, ...]]:
    """Have every store of the service hold every verified backup (or that one); checked by checksum there."""
    return (yield from shipping.ship(service, name, to, again))


def prune(service: Service, dry: bool = False) -> Action[Pruned]:
    """Remove what the service's policy does not keep, never the newest verified; with `dry` only say what."""
    return (yield from pruning.prune(service, tiers_of(service), dry=dry))


def fetch(
    service: Service, required: bool = True, origin: str = "", store: str = ""
) -> Action[Backup | None]:
    """Bring the newest verified backup back from the stores, of this host or of the host `origin`.

    With `store` only stores whose name begins so are asked, such as `s3://`.
    """
    return (yield from fetching.fetch(service, required, origin, store))
