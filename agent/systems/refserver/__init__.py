"""RefServer: PDFs, their rows in SQLite, their vectors in Chroma; kept, checked and put back as one.

How each verb on its data goes about it stands in `agent/at_rest`, on its host in `hosting.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from agent.at_rest import look, mend, sets, stream
from agent.at_rest.look import Look, Pulse
from agent.at_rest.mend import Fetched, Moved, Settled
from agent.at_rest.sets import DUMPS as DUMPS
from agent.at_rest.sets import Checked, Named, Restored, Set
from agent.systems import Vitals
from agent.systems.refserver import hosting, symptoms, taking_over
from agent.systems.refserver.hosting import Hosted
from agent.systems.refserver.server import Refserver as Refserver
from agent.systems.refserver.standing import Standing
from agent.systems.refserver.symptoms import SYMPTOMS as SYMPTOMS
from agent.transport.ask import Action


def diagnose(hosted: Hosted, copy: Named | None = None) -> Action[Vitals]:
    """Look at its host, its data and its health check; name every symptom of the table.

    `copy` is the backup that silent changes, and data that began anew, are told by.
    """
    standing = yield from hosting.look(hosted)
    return (yield from symptoms.diagnose(Refserver.of(hosted.service), standing, copy))


def inspect(refserver: Refserver, copy: Named | None = None) -> Action[Look]:
    """Look at rows, vectors, index and files, changing nothing; `copy` is what silent changes are told by."""
    return (yield from look.inspect(refserver, copy))


def status(refserver: Refserver) -> Action[Pulse]:
    """Ask its health check how it is."""
    return (yield from look.pulse(refserver))


def check_room(refserver: Refserver, copy: Named, elements: Sequence[str] = ()) -> Action[None]:
    """See that a set is whole and that there is room for it, before anything is stopped (else NoRoom)."""
    return (yield from mend.check_room(refserver, copy, elements))


def dump_set(refserver: Refserver, kind: str, parent: str = "") -> Action[Set]:
    """Lay down a set of one instant: every row with its vector and file; hourly only what changed."""
    return (yield from sets.dump_set(refserver, kind, parent))


def list_sets(refserver: Refserver) -> Action[tuple[Set, ...]]:
    """Return the sets that lie there by their manifests, whatever the history says of them."""
    return (yield from sets.list_sets(refserver))


def check_dump(
    refserver: Refserver, copy: Named, depth: str = "restored", proved: Collection[str] = ()
) -> Action[Checked]:
    """Check a set: `opens` by itself, `restored` by putting it back elsewhere and comparing every row."""
    return (yield from sets.check_dump(refserver, copy, depth, proved))


def restore(refserver: Refserver, copy: Named, elements: Sequence[str] = ()) -> Action[Restored]:
    """Put a set, or only some elements of it, in the stopped application's place; what was there is kept."""
    return (yield from sets.restore(refserver, copy, elements))


def restore_newest(refserver: Refserver, copy: Named, exact: bool = False) -> Action[Restored]:
    """Put the newest database in place: shipped up to the last second where that is on, else the set's."""
    return (yield from stream.restore_newest(refserver, copy, exact))


def restore_at(refserver: Refserver, copy: Named, at: str) -> Action[Restored]:
    """Put everything back to a moment: the set before it, and that second's database if shipped."""
    return (yield from stream.restore_at(refserver, copy, at))


def shipping(refserver: Refserver) -> Action[stream.Standing | None]:
    """Return how the continuous shipping of the database stands; None where it is not switched on."""
    return (yield from stream.standing(refserver)) if refserver.stream else None


def rebuild_index(refserver: Refserver) -> Action[Moved]:
    """Move the stopped Chroma's index files aside: it builds them anew, and nothing is lost."""
    return (yield from mend.rebuild_index(refserver))


def fetch_files(refserver: Refserver, copies: Sequence[Named]) -> Action[Fetched]:
    """Bring back each PDF that a row names and that is missing or changed, from whichever backup has it."""
    return (yield from mend.fetch_files(refserver, copies))


def settle(refserver: Refserver) -> Action[Settled]:
    """Have documents that are newer than what was put back made again from their PDF files; say the rest."""
    return (yield from mend.settle(refserver))


def wait_for_queue(refserver: Refserver, within: float = 300) -> Action[Pulse]:
    """Wait until it is well and nothing waits to be made a document of."""
    return (yield from look.wait_for_queue(refserver, within))


def prove(refserver: Refserver) -> Action[Look]:
    """Prove that rows, vectors and files are sound and united, and that its health check says so too."""
    return (yield from look.prove(refserver))


def lost(refserver: Refserver, host: str, health: str, ssh: str = "", span: float = 60) -> Action[None]:
    """See that the host it replaces answers nobody for `span` seconds, nor this one yet (else Refused)."""
    yield from taking_over.lost(refserver, host, health, ssh, span)


def still_lost(refserver: Refserver, host: str, health: str, ssh: str = "", span: float = 10) -> Action[None]:
    """See once more, before users are sent here, that the lost host has not come back (else Refused)."""
    yield from taking_over.still_lost(refserver, host, health, ssh, span)


def look_at_host(hosted: Hosted) -> Action[Standing]:
    """Look at container, mount, room, owners, lock and helpers, and name the cause of its trouble."""
    return (yield from hosting.look(hosted))


def insist(hosted: Hosted, cause: str, among: Sequence[str], reasons: Sequence[str] = ()) -> Action[None]:
    """End the run where another page helps against the cause that was found; it is named."""
    yield from hosting.insist(hosted, cause, among, reasons)


def fix_memory(hosted: Hosted) -> Action[None]:
    """Give its container the memory that the inventory says it may use."""
    yield from hosting.fix_memory(hosted)


def free_lock(hosted: Hosted) -> Action[None]:
    """Put the lock of a machine that is no more aside; fails where that machine runs."""
    yield from hosting.free_lock(hosted)


def fix_owner(hosted: Hosted) -> Action[str]:
    """Give its files back to their owner, readable and writable to him; say which."""
    return (yield from hosting.fix_owner(hosted))


def mount_data(hosted: Hosted) -> Action[None]:
    """Mount the data folder again as the host's fstab has it."""
    yield from hosting.mount_data(hosted)


def reclaim_logs(hosted: Hosted) -> Action[int]:
    """Cut its logs to their newest megabyte; return the bytes freed."""
    return (yield from hosting.reclaim_logs(hosted))


def prove_room(hosted: Hosted) -> Action[None]:
    """Prove that it has room again; raises NoRoom with what takes it."""
    yield from hosting.prove_room(hosted)
