"""Which moments can be restored, and from which base and segments; what cannot, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from bson import Timestamp

from agent.errors import BackupDamaged, MomentUnreachable, Refused
from agent.pitr import instant
from agent.pitr.log import Change, Span, changes, end_of, span
from agent.pitr.manifest import Manifest
from agent.pitr.model import Reachable, RestorePoints
from agent.pitr.segment import Segment
from agent.pitr.server import NOT_DATA
from agent.pitr.store import Store, Timeline

_BEGINNING = Timestamp(0, 0)
_PUT = frozenset({"insert", "replace"})
_FEW, _FAR = 100, 4
"""So many documents are worth a question; so many times fewer are far less."""


@dataclass(frozen=True)
class Run:
    """Segments of a timeline without a hole: every change after `start` and until `end` is in them."""

    timeline: Timeline
    segments: tuple[Segment, ...]
    start: Timestamp
    end: Timestamp


@dataclass(frozen=True)
class Stretch:
    """Moments that can be restored: from the first base of a run on, both ends inclusive."""

    run: Run
    bases: tuple[Manifest, ...]

    @property
    def since(self) -> Timestamp:
        """The first one."""
        return min(base.ended() for base in self.bases)

    @property
    def until(self) -> Timestamp:
        """The last one."""
        return self.run.end

    def base_for(self, at: Timestamp) -> Manifest:
        """Return the newest base that leads to a moment of it."""
        return max((base for base in self.bases if base.ended() <= at), key=lambda base: base.ended())


@dataclass(frozen=True)
class Way:
    """How a moment is reached: a base, and the log from its start on."""

    at: Timestamp
    timeline: Timeline
    base: Manifest
    span: Span
    warnings: tuple[str, ...] = ()


def runs(timeline: Timeline) -> tuple[list[Run], list[str]]:
    """Return the runs of a timeline, the oldest first, and what is wrong with its log."""
    sealed, faults = timeline.segments(), []
    groups: list[list[Segment]] = [[each] for each in sealed[:1]]
    for before, each in pairwise(sealed):
        if each.n == before.n + 1:
            groups[-1].append(each)
        else:
            missing = f"{before.n + 1:08d}" + (f" to {each.n - 1:08d}" if each.n > before.n + 2 else "")
            faults.append(f"timeline {timeline.id}: segment {missing} is missing")
            groups.append([each])
    found = []
    for n, group in enumerate(groups):
        try:
            end = instant.read(group[-1].sealed().complete)
        except BackupDamaged as error:
            faults.append(f"timeline {timeline.id}: {error.sentence}")
            end = instant.below(group[-1].last)
        if n == len(groups) - 1:
            end = _with_open(timeline, group, end)
        start = _BEGINNING if group[0].n == 1 else group[0].first
        found.append(Run(timeline, tuple(group), start, end))
    if not groups and (end := _with_open(timeline, [], _BEGINNING)) > _BEGINNING:
        found.append(Run(timeline, (), _BEGINNING, end))
    return found, faults


def _with_open(timeline: Timeline, group: Sequence[Segment], end: Timestamp) -> Timestamp:
    last = group[-1].last if group else _BEGINNING
    found = span(timeline, last, None)
    if found.segments and found.segments[-1].n > (group[-1].n if group else 0):
        # Sealed since we looked.
        end = max(end, instant.read(found.segments[-1].sealed().complete))
    complete = end_of(found, found.segments)
    return max(end, complete) if complete is not None else end


def stretches(timeline: Timeline) -> tuple[list[Stretch], list[str]]:
    """Return what of a timeline can be restored, and its faults."""
    found, faults = runs(timeline)
    bases = []
    for folder in sorted(path.parent for path in timeline.base.glob("*/manifest.json")):
        try:
            bases.append(Manifest.read(folder))
        except BackupDamaged as error:
            faults.append(f"timeline {timeline.id}: {error.sentence}")
    usable = [
        Stretch(run, tuple(base for base in bases if run.start <= base.started() and base.ended() <= run.end))
        for run in found
    ]
    return [each for each in usable if each.bases], faults


def way_to(store: Store, at: str) -> Way:
    """Return how to reach a moment: `latest`, SECS,INC or ISO; the newest timeline that has it is taken.

    The latest is that of a server with documents, where any had some: one that lost its disks may have come
    back without any, and been captured since, as another history.

    Raises:
        MomentUnreachable: none has it; the sentence names the nearest moments that can be reached.
        Refused: the latest is of a server that holds far less than the one captured before it.
        Usage: it is no moment.
    """
    timelines = store.timelines()
    every: list[Stretch] = []
    faults: list[str] = []
    for timeline in reversed(timelines):
        found, wrong = stretches(timeline)
        every += reversed(found)
        faults += wrong
    if at == instant.LATEST:
        if not every:
            raise _unreachable(store, at, every, faults)
        newest = next((each for each in every if _holds(each)), every[0])
        _meant(newest, every)
        warnings = []
        if newest.run.timeline.id != timelines[-1].id:
            why = "is of a server without documents" if newest is not every[0] else "has no usable base"
            warnings.append(f"timeline {timelines[-1].id} is newer and {why}")
        return _way(newest, newest.until, tuple(warnings))
    wanted = instant.read(at)
    for stretch in every:
        if stretch.since <= wanted <= stretch.until:
            return _way(stretch, wanted)
    raise _unreachable(store, at, every, faults)


def _holds(stretch: Stretch) -> bool:
    """Return whether there was ever a document in a stretch."""
    if any(heap.documents for base in stretch.bases for heap in base.heaps):
        return True
    return any(change.kind in _PUT for change in _data(stretch))


def _meant(newest: Stretch, every: Sequence[Stretch]) -> None:
    """Refuse where a server may have come back without its data, and was used since.

    One that was restored says where its data came from, and is what is meant however little it holds.
    """
    timeline = newest.run.timeline
    older = [each for each in every if each.run.timeline.id < timeline.id]
    if not older or timeline.history().parent:
        return
    before = max(older, key=_documents)
    had = _documents(before)
    if had < _FEW:
        return
    has = _documents(newest)
    has += sum(change.kind == "insert" for change in _data(newest) if has < had)
    if has * _FAR < had:
        raise Refused(
            f"The latest history that was captured, {timeline.id}, holds about {has} documents; an earlier "
            f"one, {before.run.timeline.id}, held {had} and ends at {instant.show(before.until)} "
            f"({instant.utc(before.until)}): a server may have come back without its data.",
            do=f"Say which is meant: --set at={instant.show(before.until)} for the earlier one, --set "
            f"at={instant.show(newest.until)} for the latest.",
        )


def _documents(stretch: Stretch) -> int:
    base = max(stretch.bases, key=lambda base: base.ended())
    return sum(heap.documents for heap in base.heaps)


def _data(stretch: Stretch) -> Iterator[Change]:
    """Yield the changes of somebody's documents since a stretch's newest base, as far as they can be read."""
    base = max(stretch.bases, key=lambda base: base.ended())
    with suppress(BackupDamaged):
        for change in changes(stretch.run.timeline, base.started(), stretch.until):
            if change.db not in NOT_DATA and not change.name.startswith("system."):
                yield change


def _way(stretch: Stretch, at: Timestamp, warnings: tuple[str, ...] = ()) -> Way:
    base = stretch.base_for(at)
    timeline = stretch.run.timeline
    # Catalogs are noted a little after the change that they explain.
    margin = Timestamp(at.time + 60, at.inc)
    return Way(at, timeline, base, span(timeline, base.started(), min(margin, stretch.until)), warnings)


def _unreachable(store: Store, at: str, every: Sequence[Stretch], faults: Sequence[str]) -> MomentUnreachable:
    if not every:
        why = f": {'; '.join(faults)}" if faults else ""
        return MomentUnreachable(
            f"Expected a captured history in {store.path} with a base to restore {at} from, found none{why}.",
            do="Start the capture (drillyard capture) and wait for its first base.",
        )
    wanted = instant.read(at)
    below = max((each.until for each in every if each.until < wanted), default=None)
    above = min((each.since for each in every if each.since > wanted), default=None)
    near = [
        f"{instant.show(moment)} ({instant.utc(moment)}), {where}"
        for moment, where in ((below, "before it"), (above, "after it"))
        if moment is not None
    ]
    why = f" {'; '.join(faults)}." if faults else ""
    return MomentUnreachable(
        f"The moment {instant.show(wanted)} ({instant.utc(wanted)}) cannot be restored.{why}",
        do=f"The nearest that can: {' and '.join(near)}.",
    )


def restore_points(store: Store) -> RestorePoints:
    """Return every stretch that can be restored, the oldest first, and what cannot be used."""
    listed, faults = [], []
    for timeline in store.timelines():
        try:
            found, wrong = stretches(timeline)
            why = timeline.history().why
        except BackupDamaged as error:
            faults.append(error.sentence)
            continue
        faults += wrong
        for each in found:
            files = [segment.path for segment in each.run.segments]
            listed.append(
                Reachable(
                    timeline=timeline.id,
                    since=instant.show(each.since),
                    until=instant.show(each.until),
                    since_utc=instant.utc(each.since),
                    until_utc=instant.utc(each.until),
                    bases=len(each.bases),
                    segments=len(files),
                    bytes=sum(path.stat().st_size for path in files),
                    why=why,
                )
            )
    return RestorePoints(tuple(listed), tuple(faults))
