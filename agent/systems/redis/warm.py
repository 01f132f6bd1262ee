"""How long until a Redis that was restored serves its users from memory again: misses, second by second."""

from __future__ import annotations

from dataclasses import dataclass

from agent.errors import NotInTime, ProofFailed
from agent.systems.redis.server import Redis, Reply
from agent.transport.ask import Action, Done, Until

_SLACK = 0.05
"""So much more than usual (a share of all lookups) still counts as usual."""
_LOOKUPS = 20  # fewer in a second tell nothing
_IN_A_ROW = 3


@dataclass(frozen=True)
class Warmth:
    """Shares of lookups that missed: in the first second watched, in the last, and before the loss.

    `seconds` were watched until it was as usual, with `lookups` in all; `ops_per_second` is the last figure.
    """

    seconds: float
    first: float
    last: float
    usual: float
    lookups: int
    ops_per_second: float


@dataclass
class _Watch:
    usual: float
    hits: int = -1
    misses: int = 0
    lookups: int = 0
    ops: float = 0.0
    rates: tuple[float, ...] = ()

    def looks(self, done: Done) -> bool:
        """Take one answer of INFO stats in; say whether misses have been as usual several times in a row."""
        stats = Reply("ok", done.text).fields()
        hits, misses = int(stats.get("keyspace_hits", 0)), int(stats.get("keyspace_misses", 0))
        asked = hits - self.hits + misses - self.misses
        if self.hits >= 0 and asked >= _LOOKUPS:
            self.rates = (*self.rates, (misses - self.misses) / asked)
            self.lookups += asked
        if self.hits < 0 or asked >= _LOOKUPS:
            self.hits, self.misses = hits, misses
        self.ops = float(stats.get("instantaneous_ops_per_sec", 0))
        newest = self.rates[-_IN_A_ROW:]
        return len(newest) == _IN_A_ROW and max(newest) <= self.usual + _SLACK


def watch_warm(redis: Redis, usual: dict[str, float], within: float) -> Action[Warmth]:
    """Watch the share of lookups that miss until it is as usual three seconds in a row.

    Raises:
        ProofFailed: it was not `within` seconds, or there is nothing to compare it with.
    """
    if "miss_rate" not in usual:
        raise ProofFailed(
            f"{redis.host}: expected the backup to say how many lookups usually miss, found no such figure.",
            do="Watch it by hand: redis-cli INFO stats (keyspace_hits, keyspace_misses).",
        )
    watch = _Watch(usual["miss_rate"])
    try:
        done: Done = yield Until(
            redis.cli("INFO", "stats"),
            watch.looks,
            f"misses of Redis on {redis.host} are as usual",
            every=1.0,
            within=within,
            supposing=Done(0),
        )
    except NotInTime:
        raise ProofFailed(_cold(redis, watch, within)) from None
    return Warmth(
        seconds=done.seconds if not watch.rates else float(len(watch.rates)),
        first=round(watch.rates[0], 4) if watch.rates else 0.0,
        last=round(watch.rates[-1], 4) if watch.rates else 0.0,
        usual=watch.usual,
        lookups=watch.lookups,
        ops_per_second=watch.ops,
    )


def _cold(redis: Redis, watch: _Watch, within: float) -> str:
    if len(watch.rates) < _IN_A_ROW:
        return (
            f"{redis.host}: expected lookups to tell by, found fewer than {_LOOKUPS} a second "
            f"for {within:.0f} s: hardly anybody asks it."
        )
    return (
        f"{redis.host}: expected at most {watch.usual + _SLACK:.0%} of lookups to miss, as before the loss, "
        f"found {watch.rates[-1]:.0%} after {within:.0f} s ({watch.rates[0]:.0%} at first)."
    )
