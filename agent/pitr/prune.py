"""Which bases and segments are no longer needed: decided purely, removed by the capture alone."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from agent.pitr.manifest import Manifest
from agent.pitr.segment import Segment
from agent.pitr.store import Store, Timeline

DAY = 86_400


def expired_bases(bases: Sequence[Manifest], now: float, keep_days: float, keep_last: int) -> list[Manifest]:
    """Return the bases, oldest first, that no moment of the last `keep_days` needs; the last ones are kept.

    A base is needed by the moments between it and the next, so it goes only when the next one is too old.
    """
    expired: list[Manifest] = []
    for base, following in pairwise(bases):
        if following.ended().time >= now - keep_days * DAY or len(bases) - len(expired) <= keep_last:
            break
        expired.append(base)
    return expired


def expired_segments(segments: Sequence[Segment], kept: Sequence[Manifest]) -> list[Segment]:
    """Return the segments that lie before everything that the kept bases are replayed from."""
    if not kept:
        return []
    start = min(base.started() for base in kept)
    needed = max((n for n, segment in enumerate(segments) if segment.first <= start), default=0)
    return list(segments[:needed])


def prune(store: Store, now: float, keep_days: float) -> list[str]:
    """Remove what has expired and return its names below the store; the newest timeline keeps two bases.

    An older timeline goes as a whole once its newest base's last moment is older than `keep_days`.
    """
    removed: list[Path] = []
    timelines = store.timelines()
    for timeline in timelines:
        newest = timeline is timelines[-1]
        if not newest and _over(timeline, now, keep_days):
            removed += [path for path in timeline.path.rglob("*") if path.is_file()]
            shutil.rmtree(timeline.path, ignore_errors=True)
            continue
        bases = timeline.bases()
        gone = expired_bases(bases, now, keep_days, 2 if newest else 1)
        for base in gone:
            removed += list(Path(base.folder).iterdir())
            shutil.rmtree(base.folder, ignore_errors=True)
        for segment in expired_segments(timeline.segments(), bases[len(gone) :]):
            for path in (segment.path, segment.path.with_suffix(".json")):
                path.unlink(missing_ok=True)
                removed.append(path)
    return [str(path.relative_to(store.path)) for path in removed]


def _over(timeline: Timeline, now: float, keep_days: float) -> bool:
    segments = timeline.segments()
    return bool(segments) and segments[-1].last.time < now - keep_days * DAY
