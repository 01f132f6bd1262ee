"""Kill taking, shipping, pruning and restoring RefServer's backups at every call that changes a disk.

    python bench/refserver_kills.py [--verbs take,ship] [--every 1] [--ssh]

A library in C counts mkdir, open to write, write, rename, unlink, link, chmod, fsync, truncate of every
process (Python, SQLite, sh, mv, cp, sync, rsync); the N-th is killed, a write after half of it, and so is
every process that calls later. What is left must be the old or the new state, the next run must succeed,
every backup have its sums and the newest be verified by restoring it. With --ssh the store is behind a real
sshd, whose side is counted and killed too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.at_rest import kills
from tests.at_rest.kills import Sweep, World
from tests.sshd import running_sshd

VERBS = {
    "take": kills.take_full,
    "increment": kills.take_hourly,
    "ship": kills.ship,
    "prune": kills.prune,
    "restore": kills.restore,
}


@contextmanager
def world(folder: Path, *, ssh: bool) -> Iterator[World]:
    """A world, its far end a folder, or a folder behind a real sshd."""
    with ExitStack() as stack:
        if not ssh:
            yield World(folder)
            return
        (folder / "sshd").mkdir()
        told = " ".join(f"{name}={os.environ[name]}" for name in ("LD_PRELOAD", "KILL_FILE", "KILL_BELOW"))
        # Not sshd itself: its sandbox ends a process that looks into /proc. Only what it starts.
        library = os.environ.pop("LD_PRELOAD")
        sshd = stack.enter_context(running_sshd(folder / "sshd", f"SetEnv {told}"))
        os.environ["LD_PRELOAD"] = library
        far = {
            "ship_to": [f"{sshd.user}@127.0.0.1:{folder}/here/data-far"],
            "ship_port": sshd.port,
            "ship_key": sshd.key_file,
            "ship_known_hosts": sshd.known_hosts,
        }
        found = World(folder, far)

        def quiet() -> None:
            while sshd.sessions():
                time.sleep(0.01)

        found.quiet = quiet
        yield found


def swept(found: World, verb: kills.Verb, every: int) -> tuple[int, int]:
    """Sweep one verb; print a line for each kill that was not survived; return how many were, of how many."""
    sweep = Sweep(found, verb)
    calls = sweep.calls()
    left: Counter[str] = Counter()
    good = 0
    for number in range(1, calls + 1, every):
        state, wrong = sweep.at(number)
        left[state] += 1
        good += not wrong and state != kills.UNREACHED
        if wrong:
            print(f"{verb.__name__} killed at call {number}: {wrong}", flush=True)
    missed = left.pop(kills.UNREACHED, 0)
    reached = left.total()
    states = ", ".join(f"{count} {state}" for state, count in left.items() if state)
    print(
        f"{verb.__name__}: {good}/{reached} left whole and the next run good (left behind: {states})",
        flush=True,
    )
    if missed:
        print(f"{verb.__name__}: {missed} of {calls} calls never reached", flush=True)
    return good, reached


def main() -> int:
    """Sweep; 0 where every kill was survived, and each verb was killed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--verbs", default=",".join(VERBS))
    parser.add_argument("--every", type=int, default=1, help="only every so many calls")
    parser.add_argument("--ssh", action="store_true", help="ship by rsync over SSH")
    chosen = parser.parse_args()
    if "KILL_FILE" not in os.environ:
        with TemporaryDirectory(prefix="drillyard-kills-") as folder:
            env = {**os.environ, **kills.environment(Path(folder))}
            return os.spawnve(os.P_WAIT, sys.executable, [sys.executable, *sys.argv], env)
    folder = Path(os.environ["KILL_BELOW"]).parent.parent
    with world(folder, ssh=chosen.ssh) as found:
        results = [swept(found, VERBS[name], chosen.every) for name in chosen.verbs.split(",")]
    good, total = (sum(each) for each in zip(*results, strict=True))
    print(f"survived {good}/{total} kills")
    # A verb of which no call was reached shows nothing.
    return 0 if good == total and all(reached for _, reached in results) else 1


if __name__ == "__main__":
    sys.exit(main())
