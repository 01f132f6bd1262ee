"""Redis: every verb a page, a check or a backup can use on a Redis server.

The verbs stand here with what they promise; how each goes about it stands in `_redis_look.py` (what is
wrong), `_redis_repair.py` (changes), `_redis_prove.py` (claims) and `_redis_dump.py` (copies).
"""

from __future__ import annotations

from agent.systems import _redis_dump, _redis_look, _redis_prove, _redis_repair
from agent.systems._redis_dump import Checked, Dumped
from agent.systems._redis_look import Copy, Look
from agent.systems._redis_prove import Proof, Status
from agent.systems._redis_repair import Cut, Kept, Rebuilt, Room
from agent.systems._redis_server import Redis
from agent.transport.ask import Action


def status(redis: Redis) -> Action[Status]:
    """Ask the server how it is: up, reads, writes, keys, role, and its symptoms in words."""
    return (yield from _redis_prove.status(redis))


def inspect(redis: Redis, copy: Copy | None = None) -> Action[Look]:
    """Read the log and ask the server, changing nothing; name the remedy that loses least, with reasons."""
    return (yield from _redis_look.inspect(redis, copy))


def check_room(redis: Redis, copy: Copy | None = None, rebuild: bool = True) -> Action[Room]:
    """See that there is room for the safety copy and a rebuild, before anything is stopped (else NoRoom)."""
    return (yield from _redis_repair.check_room(redis, copy, rebuild))


def hold_dump(redis: Redis) -> Action[None]:
    """Tell a running server not to write dump.rdb when it is stopped: it may be the only good copy."""
    return (yield from _redis_repair.hold_dump(redis))


def keep_copy(redis: Redis) -> Action[Kept]:
    """Copy the files, as damaged as they are, into a folder beside them and compare every byte."""
    return (yield from _redis_repair.keep_copy(redis))


def fix_owner(redis: Redis) -> Action[int]:
    """Give the data directory's own files back to Redis's user; return how many were changed."""
    return (yield from _redis_repair.fix_owner(redis))


def cut(redis: Redis, file: str, at: int) -> Action[Cut]:
    """Cut the torn end off the last log file, at the byte the inspection named."""
    return (yield from _redis_repair.cut(redis, file, at))


def rebuild(redis: Redis, copy: Copy | None = None, started_empty: bool = False) -> Action[Rebuilt]:
    """Rebuild the log beside the damaged one with a throwaway server: what loses least, with its report."""
    return (yield from _redis_repair.rebuild(redis, copy, started_empty))


def promote(redis: Redis, kept: str) -> Action[str]:
    """Put the rebuilt log in the damaged one's place, that one into the safety copy's folder `kept`."""
    return (yield from _redis_repair.promote(redis, kept))


def rescue_live(redis: Redis, within: int = 900) -> Action[int]:
    """Have a living server write its whole log anew, for its memory is whole; return its keys."""
    return (yield from _redis_repair.rescue_live(redis, within))


def ping(redis: Redis, within: float = 60) -> Action[float]:
    """Wait until the server has loaded its data and answers PONG; return the host's time then."""
    return (yield from _redis_prove.ping(redis, within))


def count(redis: Redis, at_least: int = 0) -> Action[int]:
    """Return the number of keys in all databases; fewer than `at_least` fails."""
    return (yield from _redis_prove.count(redis, at_least))


def prove(redis: Redis, at_least: int = 0) -> Action[Proof]:
    """Prove that the server answers, reads, writes, keeps what it writes, and could start again."""
    return (yield from _redis_prove.prove(redis, at_least))


def dump(redis: Redis, into: str, name: str) -> Action[Dumped]:
    """Copy the running database to the file `into`, carrying a mark that its log holds at the same instant."""
    return (yield from _redis_dump.dump(redis, into, name))


def check_dump(redis: Redis, path: str, mark: str = "", depth: str = "restored") -> Action[Checked]:
    """Check a copy: `opens` by its own checker, `restored` by a throwaway server that loads and counts it."""
    return (yield from _redis_dump.check_dump(redis, path, mark, depth))
