"""Redis: every verb a page, a check or a backup can use on a Redis server.

The verbs stand here with what they promise; how each goes about it stands in `look.py` (what is wrong),
`loss.py` (whether all is gone), `symptoms.py` (its name), `repair.py` (changes), `claims.py` (what must
hold), `copies.py` (copies of the running database), `warm.py` (how its caches do), `memory.py` (how full it
is) and `relief.py` (room for it).
"""

from __future__ import annotations

from agent.systems import Vitals
from agent.systems.redis import claims, copies, look, loss, memory, relief, repair, symptoms, warm
from agent.systems.redis.claims import Proof, Status
from agent.systems.redis.copies import Checked, Dumped
from agent.systems.redis.look import Copy, Look
from agent.systems.redis.loss import Loss
from agent.systems.redis.memory import Memory
from agent.systems.redis.relief import Kept as KeptLimit
from agent.systems.redis.relief import Raised, Relieved, Swept
from agent.systems.redis.repair import Cut, Kept, Rebuilt, Room
from agent.systems.redis.server import Redis
from agent.systems.redis.symptoms import SYMPTOMS as SYMPTOMS
from agent.systems.redis.warm import Warmth
from agent.transport.ask import Action


def diagnose(redis: Redis) -> Action[Vitals]:
    """Look at server and log and name every symptom of the table; a sound server has none."""
    return (yield from symptoms.diagnose(redis))


def status(redis: Redis) -> Action[Status]:
    """Ask the server how it is: up, reads, writes, keys, role, and its symptoms in words."""
    return (yield from claims.status(redis))


def inspect(redis: Redis, copy: Copy | None = None) -> Action[Look]:
    """Read the log and ask the server, changing nothing; name the remedy that loses least, with reasons."""
    return (yield from look.inspect(redis, copy))


def check_room(redis: Redis, copy: Copy | None = None, rebuild: bool = True) -> Action[Room]:
    """See that there is room for the safety copy and a rebuild, before anything is stopped (else NoRoom)."""
    return (yield from repair.check_room(redis, copy, rebuild))


def hold_dump(redis: Redis) -> Action[None]:
    """Tell a running server not to write dump.rdb when it is stopped: it may be the only good copy."""
    return (yield from repair.hold_dump(redis))


def keep_copy(redis: Redis) -> Action[Kept]:
    """Copy the files, as damaged as they are, into a folder beside them and compare every byte."""
    return (yield from repair.keep_copy(redis))


def fix_owner(redis: Redis) -> Action[int]:
    """Give the data directory's own files back to Redis's user; return how many were changed."""
    return (yield from repair.fix_owner(redis))


def cut(redis: Redis, file: str, at: int) -> Action[Cut]:
    """Cut the torn end off the last log file, at the byte the inspection named."""
    return (yield from repair.cut(redis, file, at))


def find_loss(redis: Redis, copy: Copy | None = None) -> Action[Loss]:
    """Tell whether all data is gone, and choose what is put back: `copy`, or a newer dump.rdb left behind."""
    return (yield from loss.find_loss(redis, copy))


def check_mounted(redis: Redis, unmounted: bool = False) -> Action[None]:
    """See that the data are not merely out of sight, on a volume of fstab that is not mounted; refused where
    they may be, unless `unmounted` says that it is known to be lost."""
    return (yield from loss.check_mounted(redis, unmounted))


def make_place(redis: Redis) -> Action[None]:
    """Make the data directory where it is gone with everything in it; one that is there stays as it is."""
    return (yield from repair.make_place(redis))


def rebuild(
    redis: Redis, copy: Copy | None = None, started_empty: bool = False, lost: bool = False
) -> Action[Rebuilt]:
    """Rebuild the log beside the damaged one with a throwaway server: what loses least, with its report."""
    return (yield from repair.rebuild(redis, copy, started_empty, lost))


def promote(redis: Redis, kept: str) -> Action[str]:
    """Put the rebuilt log in the damaged one's place, that one into the safety copy's folder `kept`."""
    return (yield from repair.promote(redis, kept))


def rescue_live(redis: Redis, within: int = 900) -> Action[int]:
    """Have a living server write its whole log anew, for its memory is whole; return its keys."""
    return (yield from repair.rescue_live(redis, within))


def ping(redis: Redis, within: float = 60) -> Action[float]:
    """Wait until the server has loaded its data and answers PONG; return the host's time then."""
    return (yield from claims.ping(redis, within))


def count(redis: Redis, at_least: int = 0) -> Action[int]:
    """Return the number of keys in all databases; fewer than `at_least` fails."""
    return (yield from claims.count(redis, at_least))


def prove(redis: Redis, at_least: int = 0, master: bool = False) -> Action[Proof]:
    """Prove that the server answers, reads, writes, keeps what it writes, and could start again.

    Of a replica it is proved that it is in touch with its master, and no write is claimed; with `master` a
    replica fails."""
    return (yield from claims.prove(redis, at_least, master=master))


def prove_back(redis: Redis, copy: Copy | None = None) -> Action[str]:
    """Prove that the server goes on from the copy that was put back, by its mark; return its mark."""
    return (yield from claims.prove_back(redis, copy))


def watch_warm(redis: Redis, usual: dict[str, float] | None = None, within: float = 120) -> Action[Warmth]:
    """Watch until misses are as `usual` (a backup's miss_rate); fails where they are not `within` seconds."""
    return (yield from warm.watch_warm(redis, usual or {}, within))


def measure_memory(redis: Redis) -> Action[Memory]:
    """Measure memory of server and host, sample the keys, and advise; nothing is changed."""
    return (yield from memory.measure(redis))


def raise_maxmemory(redis: Redis, to: str) -> Action[Raised]:
    """Raise maxmemory to that size (`4gb`) within what the host has; beyond it fails and changes nothing."""
    return (yield from relief.raise_maxmemory(redis, to))


def sweep(
    redis: Redis, pattern: str = "temp:*", within: float = 240, share: float = 0.5, db: int = 0
) -> Action[Swept]:
    """Delete the keys of a pattern by SCAN and UNLINK in small steps, so that nobody else has to wait; those
    of database `db` alone, and it is said where else there are some."""
    return (yield from relief.sweep(redis, pattern, within, share, db))


def keep_limit(redis: Redis) -> Action[KeptLimit]:
    """Have the present maxmemory outlive a restart, in the server's configuration file."""
    return (yield from relief.keep_limit(redis))


def prove_relieved(redis: Redis) -> Action[Relieved]:
    """Prove that writes are taken again and at most nine tenths of maxmemory are used."""
    return (yield from relief.prove_relieved(redis))


def prove_limit_kept(redis: Redis) -> Action[int]:
    """Prove that the next start brings the present maxmemory."""
    return (yield from relief.prove_limit_kept(redis))


DUMPS = {"full": ".rdb", "aof": ".aof.tar"}


def dump_needs(redis: Redis, kind: str = "full") -> Action[int]:
    """Return how many bytes a copy may have, from above."""
    return (yield from copies.needs(redis, kind))


def dump(redis: Redis, into: str, name: str, kind: str = "full") -> Action[Dumped]:
    """Copy the running database, or its log, to the file `into`, up to a mark of ours that it holds."""
    return (yield from copies.dump(redis, into, name, kind))


def check_dump(redis: Redis, copy: Copy, depth: str = "restored") -> Action[Checked]:
    """Check a copy: `opens` by its own checker, `restored` by a throwaway server that loads and counts it."""
    return (yield from copies.check_dump(redis, copy, depth))
