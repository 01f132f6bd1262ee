"""What became of every write: found, lost, changed, duplicated, or never acknowledged; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drills.rig.ledger import Write


@dataclass(frozen=True)
class Hole:
    """Lost writes with no surviving acknowledged write between them.

    `first` and `last` are their numbers, `since` and `until` the monotonic times of their acknowledgements.
    """

    first: int
    last: int
    count: int
    since: float
    until: float


@dataclass(frozen=True)
class Account:
    """Every acknowledged write is in exactly one of found, lost and changed.

    An overwritten write counts as found where the write that replaced it is. `duplicated` writes are found
    too, more than once; `reordered` ones are found behind a write that was acknowledged later.
    `invented` are keys that hold something nobody wrote there. What was never acknowledged is
    indeterminate: there or not, both are right.
    """

    acknowledged: int
    found: int
    lost: tuple[Write, ...]
    changed: tuple[Write, ...]
    duplicated: tuple[Write, ...]
    reordered: tuple[Write, ...]
    invented: tuple[str, ...]
    indeterminate: int
    indeterminate_found: int
    holes: tuple[Hole, ...]

    @property
    def indeterminate_absent(self) -> int:
        """How many of the writes nobody acknowledged did not happen, or were overwritten."""
        return self.indeterminate - self.indeterminate_found

    @property
    def whole(self) -> bool:
        """Whether nothing is there that should not be: nothing changed, doubled, out of order, invented."""
        return not (self.changed or self.duplicated or self.reordered or self.invented)


class _Tally:
    def __init__(self) -> None:
        self.lost: list[Write] = []
        self.changed: list[Write] = []
        self.duplicated: list[Write] = []
        self.reordered: list[Write] = []
        self.invented: list[str] = []
        self.doubtful_found = 0


def account(writes: Iterable[Write], contents: Mapping[str, tuple[str, ...]]) -> Account:
    """Hold what was written against what was read back.

    `contents` has the content hashes under each key. A key that is replaced holds the latest acknowledged
    write or a later one that nobody acknowledged; anything older is a loss of what came after it.
    """
    by_key: dict[str, list[Write]] = {}
    acknowledged: list[tuple[int, float]] = []
    total = 0
    for write in writes:
        total += 1
        by_key.setdefault(write.key, []).append(write)
        if write.acked is not None:
            acknowledged.append((write.seq, write.acked))
    tally = _Tally()
    for key, history in by_key.items():
        found = contents.get(key, ())
        if history[0].adds:
            _added(history, found, tally)
        else:
            _replaced(history, found, tally)
    tally.invented += [key for key in contents if key not in by_key]
    lost = tuple(sorted(tally.lost, key=lambda write: write.seq))
    return Account(
        acknowledged=len(acknowledged),
        found=len(acknowledged) - len(tally.lost) - len(tally.changed),
        lost=lost,
        changed=tuple(sorted(tally.changed, key=lambda write: write.seq)),
        duplicated=tuple(tally.duplicated),
        reordered=tuple(tally.reordered),
        invented=tuple(sorted(set(tally.invented))),
        indeterminate=total - len(acknowledged),
        indeterminate_found=tally.doubtful_found,
        holes=_holes(acknowledged, lost),
    )


def _replaced(history: Sequence[Write], found: tuple[str, ...], tally: _Tally) -> None:
    acked = [write for write in history if write.acked is not None]
    at = _newest_with(history, found)
    if at >= 0 and history[at].acked is None:
        tally.doubtful_found += 1
    if at < 0 and found:
        # The newest of ours should be here, and something else is. Where only unacknowledged writes went
        # to this key, none of them can have left it.
        tally.changed += acked[-1:]
        tally.invented += [] if acked else [history[0].key]
    else:
        tally.lost += [write for write in acked if write.seq > (history[at].seq if at >= 0 else -1)]


def _newest_with(history: Sequence[Write], found: tuple[str, ...]) -> int:
    for at in range(len(history) - 1, -1, -1):
        if found == (history[at].content,):
            return at
    return -1


def _added(history: Sequence[Write], found: tuple[str, ...], tally: _Tally) -> None:
    times = Counter(found)
    known = {write.content for write in history}
    strangers = sum(count for content, count in times.items() if content not in known)
    missing = [write for write in history if write.acked is not None and not times[write.content]]
    # What is there instead of a write of ours is that write, changed; what is there on top is invented.
    tally.changed += missing[:strangers]
    tally.lost += missing[strangers:]
    tally.invented += [history[0].key] if strangers > len(missing) else []
    tally.duplicated += [write for write in history if times[write.content] > 1]
    tally.doubtful_found += sum(1 for write in history if write.acked is None and times[write.content])
    tally.reordered += _out_of_order(history, found)


def _out_of_order(history: Sequence[Write], found: tuple[str, ...]) -> list[Write]:
    acked = {write.content: write for write in history if write.acked is not None}
    seen: set[str] = set()
    late: list[Write] = []
    highest = -1
    for content in found:
        write = acked.get(content)
        if write is None or content in seen:
            continue
        seen.add(content)
        if write.seq < highest:
            late.append(write)
        highest = max(highest, write.seq)
    return late


def _holes(acknowledged: Sequence[tuple[int, float]], lost: Sequence[Write]) -> tuple[Hole, ...]:
    gone = {write.seq for write in lost}
    holes: list[Hole] = []
    run: list[tuple[int, float]] = []
    for seq, when in [*acknowledged, (-1, 0.0)]:
        if seq in gone:
            run.append((seq, when))
        elif run:
            times = [at for _, at in run]
            holes.append(Hole(run[0][0], run[-1][0], len(run), min(times), max(times)))
            run = []
    return tuple(holes)
