"""Several processes at work on one merge; none of them outlives the one that began it."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any, TypeVar

from agent.errors import StepFailed
from agent.pitr.merge import Merger, Piece, Sink, Tally
from agent.pitr.plan import Plan

T = TypeVar("T")
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG

_merger: Merger | None = None


def hands(wanted: int) -> int:
    """Return how many processes to work with: as many as wanted, or one a core up to eight."""
    return wanted or min(len(os.sched_getaffinity(0)), 8)


class Crew:
    """The processes of one merge; one alone works in this process."""

    def __init__(self, plan: Plan, make_sink: Callable[[], Sink], hands: int) -> None:
        """`make_sink` is called in each process."""
        self._pool: ProcessPoolExecutor | None = None
        self._merger: Merger | None = None
        if hands == 1:
            self._merger = Merger(plan, make_sink(), str(os.getpid()))
            return
        # Forked: they share the plan's memory, and this process talks to no server.
        context = multiprocessing.get_context("fork")
        parent = os.getpid()
        self._pool = ProcessPoolExecutor(hands, context, _begin, (plan, make_sink, parent))

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        if self._merger is not None:
            self._merger.close()

    def merge(self, pieces: Sequence[Piece], buckets: int) -> Tally:
        """Go through all pieces, then all buckets; return what came of it.

        Raises:
            DrillyardError: what one of the processes ended with.
        """
        total = Tally()
        for each in self._each(Merger.pass_through, pieces):
            total.add(each)
        for each in self._each(Merger.meet, range(buckets)):
            total.add(each)
        return total

    def do(self, work: Callable[..., T], items: Iterable[Any]) -> list[T]:
        """Do something else with each item, one process each; results in the order of their end."""
        if self._pool is None:
            return [work(item) for item in items]
        return [each.result() for each in as_completed([self._pool.submit(work, item) for item in items])]

    def _each(self, method: Callable[[Merger, Any], Tally], items: Iterable[Any]) -> Iterable[Tally]:
        if self._merger is not None:
            yield from (method(self._merger, item) for item in items)
            return
        assert self._pool is not None
        waiting: list[Future[Tally]] = [self._pool.submit(_do, method.__name__, item) for item in items]
        try:
            for each in as_completed(waiting):
                yield each.result()
        except BrokenProcessPool:
            raise StepFailed(
                "One of the processes that merge was killed; memory may be short.",
                do="Set fewer workers in the inventory, and run again.",
            ) from None


def _begin(plan: Plan, make_sink: Callable[[], Sink], parent: int) -> None:
    global _merger  # noqa: PLW0603 - a process of a pool has no other place for what it keeps
    # What a killed restore leaves at work would write into what its successor begins afresh.
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _merger = Merger(plan, make_sink(), str(os.getpid()))


def _do(method: str, item: Any) -> Tally:
    assert _merger is not None
    tally: Tally = getattr(_merger, method)(item)
    return tally
