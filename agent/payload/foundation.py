"""What a log is replayed upon: the ways there are, the one that loses least first, each with its reasons."""

from __future__ import annotations

from dataclasses import dataclass

Place = tuple[int, int]
"""Number of the log file, offset in it."""


@dataclass(frozen=True)
class Facts:
    """What the choice depends on. `made` are the times the snapshots carry, in seconds since 1970; `mark` are
    the backup marks they hold.

    `place` is the place just behind the copy's mark in a readable part of the log, None where it is not
    there; `holes` are (number of the file, start, end) of everything that cannot be replayed, in order.
    `lost` says that the data's files were gone and what lies there now is of a later life; `base_keys` is how
    many keys its base holds.
    """

    base: str
    base_made: int = 0
    base_mark: str = ""
    copy: bool = False
    copy_made: int = 0
    copy_mark: str = ""
    place: Place | None = None
    holes: tuple[tuple[int, int, int], ...] = ()
    started_empty: bool = False
    lost: bool = False
    base_keys: int = 0


@dataclass(frozen=True)
class Foundation:
    """One way: `on` is copy, base, unchecked base, older copy or nothing; the log is replayed from `start`.

    `fill`: keys that only the copy holds are taken from it. `mend`: values that may be garbled are, too.
    """

    on: str
    start: Place = (0, 0)
    fill: bool = False
    mend: bool = False
    why: str = ""


def ways(facts: Facts) -> list[Foundation]:
    """Return the ways to rebuild, best first; the next one is for when a server does not accept one."""
    found = []
    if facts.lost:
        return _after_a_loss(facts)
    if facts.copy and facts.place is not None:
        found.append(Foundation("copy", facts.place, why=_why_mark(facts)))
    elif facts.copy and _newer(facts) and len(facts.holes) == 1:
        number, _, end = facts.holes[0]
        why = (
            "the copy was taken after the base was written and its mark lies in the one damaged place: "
            "everything before that is in the copy, everything behind it is replayed"
        )
        found.append(Foundation("copy", (number, end), why=why))
    return found + _without_mark(facts)


def _after_a_loss(facts: Facts) -> list[Foundation]:
    """The copy is all there is of what was; what was written since is kept as a log, or as what it led to."""
    if not facts.copy:
        return []
    if facts.base == "missing" or (facts.base == "sound" and not facts.base_keys):
        why = "the files were lost: the copy is the ground, and what was written since is replayed on it"
        return [Foundation("copy", why=why)]
    why = (
        "the files were lost, and the log was rewritten since: what it holds stays, and keys that only the "
        "copy holds come from there"
    )
    on = "base" if facts.base == "sound" else "unchecked base"
    return [Foundation(on, fill=True, why=why)]


def _without_mark(facts: Facts) -> list[Foundation]:
    fill = facts.copy and (_newer(facts) or facts.started_empty)
    found = []
    if facts.base == "sound":
        why = "the base is sound"
        if fill:
            why += "; the log has lost what led up to the copy: keys that only the copy holds come from there"
        found.append(Foundation("base", fill=fill, why=why))
    elif facts.base == "damaged":
        why = "the base is damaged: loaded without its checksum, its values compared with the copy"
        found.append(Foundation("unchecked base", fill=facts.copy, mend=facts.copy, why=why))
    if facts.copy and facts.base != "sound":
        why = "the base cannot be used: an older copy takes its place, what was written in between is lost"
        found.append(Foundation("older copy", why=why))
    if facts.base != "sound":
        found.append(
            Foundation("nothing", why="neither base nor copy can be used: the log alone is replayed")
        )
    return found


def _newer(facts: Facts) -> bool:
    if facts.place is not None or facts.copy_made < facts.base_made:
        return False
    # Both times are whole seconds: where they are the same, a base that came later holds the copy's mark.
    return facts.copy_made > facts.base_made or facts.base_mark < facts.copy_mark


def _why_mark(facts: Facts) -> str:
    number, offset = facts.place or (0, 0)
    before = [hole for hole in facts.holes if (hole[0], hole[2]) <= (number, offset)]
    behind = len(facts.holes) - len(before)
    why = "the copy's mark is in the log: replayed right behind it, the copy loses nothing of what was before"
    if before:
        why += f", {len(before)} damaged place{'s' * (len(before) > 1)} among it"
    if facts.base != "sound":
        why += f"; the {facts.base} base is not needed"
    return why + (f"; {behind} damaged place{'s' * (behind > 1)} behind it remain" if behind else "")
