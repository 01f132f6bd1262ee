"""Which hosts a pattern means: `redis:!redis3`, `web*`, `~regex`, `a:&b`, `redis[0]`."""

from __future__ import annotations

import fnmatch
import re

from agent.errors import NotFound, Usage
from agent.inventory.model import Host, Inventory
from agent.naming import did_you_mean

_SEPARATOR = re.compile(r"[:,](?![^\[]*\])")
_INDEX = re.compile(r"(.+?)\[(-?\d{1,6})(?:(:)(-?\d{1,6})?)?\]")


def match(inventory: Inventory, pattern: str) -> tuple[Host, ...]:
    """Return the hosts that a pattern means, in the inventory's order; none where its parts exclude it all.

    Parts are joined by `:` or `,`: a group, a host, a wildcard or `~regex`, each with an index or slice
    (`redis[0]`, `redis[1:]`; as in Ansible `[0:2]` has three). `!part` takes away, `&part` keeps only what
    is in both, wherever they stand; a pattern of these alone starts from all hosts.

    Raises:
        NotFound: a part matches nothing, also after `!`: a misspelt exception must not pass.
        Usage: a regular expression that cannot be read.
    """
    parts = [part.strip() for part in _split(pattern) if part.strip()]
    if not parts:
        raise Usage("Expected a pattern of hosts, found an empty one.", do="Write all for every host.")
    added = [part for part in parts if part[0] not in "!&"]
    chosen: set[str] = set()
    for part in added or ["all"]:
        chosen |= set(_names(inventory, part))
    for part in parts:
        if part[0] == "&":
            chosen &= set(_names(inventory, part[1:]))
    for part in parts:
        if part[0] == "!":
            chosen -= set(_names(inventory, part[1:]))
    return tuple(host for host in inventory if host.name in chosen)


def _split(pattern: str) -> list[str]:
    # A regular expression may hold what separates parts, so it reaches to the end.
    head, tilde, regex = pattern.partition("~")
    if tilde and (not head or head[-1] in ":,!&"):
        *before, last = _SEPARATOR.split(head)
        return [*before, f"{last}~{regex}"]
    return _SEPARATOR.split(pattern)


def _names(inventory: Inventory, part: str) -> tuple[str, ...]:
    if found := _INDEX.fullmatch(part):
        if part.startswith("~"):
            return _matching(inventory, part)
        inside = _matching(inventory, found[1])
        first = int(found[2])
        if not found[3]:
            chosen = inside[first : first + 1 or None]
        else:
            # Both ends belong to it, as Ansible has it and Python has not.
            last = int(found[4]) if found[4] else -1
            chosen = inside[first : last + 1 or None]
        if not chosen:
            raise NotFound(f"{part}: expected a host there, and {found[1]} has {len(inside)}.")
        return chosen
    return _matching(inventory, part)


def _matching(inventory: Inventory, part: str) -> tuple[str, ...]:
    if part in inventory.groups:
        return inventory.groups[part]
    if part in inventory.hosts:
        return (part,)
    if part == "*":
        return tuple(inventory.hosts)
    if part.startswith("~"):
        try:
            regex = re.compile(part[1:])
        except re.error as problem:
            raise Usage(f"The regular expression {part[1:]!r} cannot be read: {problem}.") from None
        accepted = [name for name in (*inventory.groups, *inventory.hosts) if regex.match(name)]
    elif any(sign in part for sign in "*?["):
        accepted = fnmatch.filter([*inventory.groups, *inventory.hosts], part)
    else:
        accepted = []
    if not accepted:
        hint = did_you_mean(part, (*inventory.groups, *inventory.hosts))
        groups = ", ".join(name for name in inventory.groups if name != "all")
        raise NotFound(
            f"{part!r} is neither a host nor a group of the inventory {inventory.source}.{hint} "
            f"Its groups are: {groups or 'none'}."
        )
    inside = {host for name in accepted for host in inventory.groups.get(name, (name,))}
    return tuple(name for name in inventory.hosts if name in inside)
