"""Whether each backup goes on from the one before it, or is of data that had been lost in between; pure.

A schedule does not stop because a database was wiped: it goes on and takes verified copies of nothing. A
backup leaves its mark in what it copies; where the next one does not find it there, the data was lost or set
back in between. Until somebody says that this is over (`drillyard backup accept`, or the page that restored
it), what was taken from then on is no copy of what there was.
"""

from __future__ import annotations

from collections.abc import Iterable

from agent.backup.model import Backup

_FEW = 10


def breaks(known: Iterable[Backup], before: str | None) -> str:
    """Return why a backup being taken does not go on from those known; empty where it does.

    `before` is the newest mark that the running system held (None = it cannot tell). Marks sort by time. A
    backup with a fault is none to go on from.
    """
    newest = max((each for each in known if not each.fault), key=lambda each: each.taken_at, default=None)
    if newest is None or before is None or before >= newest.mark:
        return ""
    held = f"held {before}" if before else "held no mark at all"
    return (
        f"it does not go on from {newest.id}: {newest.system} {held} and not {newest.mark}, "
        "so that its data was lost or set back in between"
    )


def emptied(known: Iterable[Backup], backup: Backup) -> str:
    """Return that a backup holds hardly anything of what the newest before it held; empty where it does.

    Of a set nothing tells that an application began anew but that its rows are gone: nine in ten of them,
    and more than a handful, between two backups.
    """
    before = [each for each in known if not each.fault and each.host == backup.host and each.contents]
    newest = max(before, key=lambda each: each.taken_at, default=None)
    if newest is None:
        return ""
    for name in ("rows", "files"):
        then, now = newest.contents.get(name, 0), backup.contents.get(name, 0)
        if then >= _FEW and now * 10 < then:
            return f"it holds {now} {name}, and {newest.id} held {then}: its data was lost in between"
    return ""


def behind_break(known: Iterable[Backup]) -> dict[str, str]:
    """Return the backups from the oldest break on that nobody has accepted, each with the reason, by id."""
    found: dict[str, str] = {}
    first = ""
    for each in sorted(known, key=lambda each: each.taken_at):
        if each.breaks and not first:
            first = each.id
            found[each.id] = each.breaks
        elif first:
            found[each.id] = f"it goes on from {first}, which was taken of data that had been lost"
    return found
