"""MongoDB: every verb a page, a check or a backup can use on a MongoDB server.

The verbs stand here with what they promise. What captures and restores are programs of the tools host
(`agent/pitr`); `points.py` says how each is asked. Where a provider runs the server, `hosted.py` restores.
"""

from __future__ import annotations

from typing import Protocol, cast

from agent.pitr.index_model import Declared, IndexProof, IndexReport, Rebuilt
from agent.pitr.model import (
    Admitted,
    Based,
    Candidate,
    CaptureStatus,
    Damage,
    Exported,
    Loaded,
    Moment,
    Proof,
    Replayed,
    Restored,
    RestorePoints,
    Status,
)
from agent.providers import Removed, Spare
from agent.systems import Vitals
from agent.systems.mongodb import claims, hosted, indexes, pointing, points, symptoms
from agent.systems.mongodb.pointing import Pointed
from agent.systems.mongodb.server import Mongodb
from agent.systems.mongodb.symptoms import SYMPTOMS
from agent.transport.ask import Action

__all__ = [
    "SYMPTOMS",
    "Admitted",
    "Based",
    "Candidate",
    "CaptureStatus",
    "Damage",
    "Declared",
    "Exported",
    "IndexProof",
    "IndexReport",
    "Loaded",
    "Moment",
    "Mongodb",
    "Pointed",
    "Proof",
    "Rebuilt",
    "Removed",
    "Replayed",
    "RestorePoints",
    "Restored",
    "Spare",
    "Status",
]


def status(mongodb: Mongodb, which: str = "self") -> Action[Status]:
    """Ask the server how it is: up, reads, writes, primary; `which` is self or spare. Never raises for a
    server that is down: `up` is false then, `symptoms` say why."""
    return (yield from points.status(mongodb, which))


def diagnose(mongodb: Mongodb) -> Action[Vitals]:
    """Look at server, declared indexes and capture, changing nothing, and name every symptom."""
    return (yield from symptoms.diagnose(mongodb))


def capture_status(mongodb: Mongodb) -> Action[CaptureStatus]:
    """Say how the capture is: state, newest restorable moment, lag, base, shipping, gaps."""
    return (yield from points.capture_status(mongodb))


def catch_up(mongodb: Mongodb, within: int = 30) -> Action[CaptureStatus]:
    """Wait until the running capture has everything the living server had acknowledged when this was asked.

    A server that is down has nothing more to tell: then the capture's status is returned at once."""
    return (yield from points.catch_up(mongodb, within))


def restore_points(mongodb: Mongodb) -> Action[RestorePoints]:
    """List the stretches of moments that can be restored, and what in the store cannot be used and why."""
    return (yield from _restorer(mongodb).restore_points(mongodb))


def prepare_spare(mongodb: Mongodb, within: float = 1_500) -> Action[Spare]:
    """See that there is a server to restore into; a provider is asked to make a missing one.

    A spare of our own has to be there and to answer: then `within` seconds are not waited for."""
    return (yield from _restorer(mongodb).prepare_spare(mongodb, within))


def take_base(mongodb: Mongodb, within: int = 21_600) -> Action[Based]:
    """Take a base snapshot now, beside the running capture, which is not paused by it."""
    return (yield from points.take_base(mongodb, within))


def find_damage(
    mongodb: Mongodb,
    since: str = "",
    until: str = "",
    at_least: int = 100,
    only: str = "",
    known: Damage | None = None,
) -> Action[Damage]:
    """Search the captured changes for mass deletes, updates and drops, changing nothing.

    `since` and `until` are SECS,INC or ISO with an offset; by default the last hour that was captured.
    `at_least` is the number of documents from which a burst is a candidate. `only` are ids of candidates,
    apart by spaces: those are chosen then, whatever is graver; refused where one was not found. With `known`,
    found before, it is that damage, and what has come of its kinds since."""
    return (yield from points.find_damage(mongodb, (since, until), at_least, only, known))


def moment(mongodb: Mongodb, damage: Damage | None = None, before: str = "") -> Action[Moment]:
    """Name the last moment strictly below the first bad event: of the damage's chosen candidates, or `before`
    (SECS,INC or ISO, which is then the first bad one). Refused where no damage was found."""
    return (yield from points.moment(mongodb, damage, before))


def restore(
    mongodb: Mongodb,
    at: str = "latest",
    into: str = "spare",
    replace: tuple[str, ...] = (),
    within: int = 21_600,
) -> Action[Restored]:
    """Restore to the moment `at` (latest, SECS,INC or ISO) into a new, empty server; indexes last.

    Refused where the target holds data, but for the databases named in `replace`. Killed and run again (or
    resumed) it starts the target afresh; it is never half done and called done. Another history (a new
    timeline) begins at the target."""
    return (yield from _restorer(mongodb).restore(mongodb, points.Target(at, into, tuple(replace)), within))


def admit_application(mongodb: Mongodb, at: str) -> Action[Admitted]:
    """See that the user of `spare_app_uri` can log in at the spare; a missing one is made, with the roles
    that it had at the source. No server tells passwords, so a restore does not bring users."""
    return (yield from points.admit(mongodb, at))


def remove_old(mongodb: Mongodb, old: str, after: float = 86_400, quiet: float = 3_600) -> Action[Removed]:
    """Have the provider delete the cluster `old`; refused for `after` seconds after the restore from it.

    One of our own (`old` is its host then) is only said to be free to be stopped. Both only where nobody has
    written to it for `quiet` seconds: by its capture, or, at a provider, by its own history of changes."""
    return (yield from _restorer(mongodb).remove_old(mongodb, old, after, quiet))


def prove_restore(
    mongodb: Mongodb, at: str, into: str = "spare", depth: str = "whole", within: int = 21_600
) -> Action[Proof]:
    """Prove on both sides that the target is as the source was at `at`: all at or before it, nothing after.

    Computed again from base and log, independently of the restore; works for one made by hand. `depth` whole
    compares every document, edges those written around the moment only. Raises ProofFailed."""
    return (yield from points.prove_restore(mongodb, points.Target(at, into), depth, within))


def replay(
    mongodb: Mongodb,
    after: str,
    damage: Damage | None = None,
    into: str = "spare",
    within: int = 3_600,
    only_new: bool = False,
) -> Action[Replayed]:
    """Bring writes made after `after` to the restored server, but for the damage and what conflicts with it.

    A document that the damage touched, or that was written to on the new server meanwhile, is not altered:
    it is listed as a conflict. With `only_new`, where nobody can say which writes are the damage, so is every
    document that was there at `after`. Doing it twice changes nothing more."""
    return (yield from points.replay(mongodb, points.Target(after, into), damage, within, only_new))


def bring_later(mongodb: Mongodb, after: str, into: str = "spare", within: int = 3_600) -> Action[Replayed]:
    """Bring what was captured after `after` to the restored server, and see that the old one is lost still.

    Refused where the old one answers again: its users have not been sent away from it yet. Done again, as by
    a resume, it brings over what was captured meanwhile."""
    done = yield from points.replay(mongodb, points.Target(after, into), None, within)
    yield from claims.still_lost(mongodb)
    return done


def export(mongodb: Mongodb, folder: str, at: str = "latest", within: int = 21_600) -> Action[Exported]:
    """Write the state at a moment as a mongodump folder, to be restored by MongoDB's own mongorestore."""
    return (yield from points.export(mongodb, folder, at, within))


def load(
    mongodb: Mongodb,
    folder: str,
    into: str = "spare",
    replace: tuple[str, ...] = (),
    within: int = 21_600,
) -> Action[Loaded]:
    """Load a mongodump folder (ours or theirs) into a new, empty server; indexes last."""
    return (yield from points.load(mongodb, folder, points.Target("", into, tuple(replace)), within))


def prove(mongodb: Mongodb, which: str = "self", at_least: int = 0, captured: bool = False) -> Action[Status]:
    """Prove that the server (self or spare) answers, reads, takes durable writes and holds `at_least` so many
    documents; with `captured`, that a capture is at work on it too. Raises ProofFailed."""
    return (yield from claims.prove(mongodb, which, at_least, captured))


def lost(mongodb: Mongodb) -> Action[Status]:
    """See that the server does not answer, or answers without any document; refused where it has some."""
    return (yield from claims.lost(mongodb))


def declare_indexes(mongodb: Mongodb) -> Action[Declared]:
    """List every index there is, as the file declares them that `indexes` in the inventory names."""
    return (yield from indexes.declare(mongodb))


def check_indexes(mongodb: Mongodb, which: str = "self") -> Action[IndexReport]:
    """Say of each declared index whether it is there, right, and in agreement with its data; `which` is self
    or spare. Counted by the index and without it; `validate` is asked too, and not relied upon."""
    return (yield from indexes.look(mongodb, which))


def rebuild_indexes(mongodb: Mongodb, which: str = "self", within: int = 7_200) -> Action[Rebuilt]:
    """Build again what is missing, wrong or at odds with its data, while reads and writes go on.

    A wrong one is replaced only when another stands in for it; values that are not unique are reported,
    and never deleted."""
    return (yield from indexes.rebuild(mongodb, which, within))


def prove_indexes(mongodb: Mongodb, which: str = "self") -> Action[IndexProof]:
    """Prove of each declared index that it is right and that the query it is for is answered by it."""
    return (yield from indexes.prove(mongodb, which))


def told_by(mongodb: Mongodb, by: str) -> Action[None]:
    """See, before anything is done, that the application can be told another address: by its `environment`,
    or by a `secret` that the inventory names. Refused where it is neither."""
    return (yield from pointing.told_by(mongodb, by))


def point_application(
    mongodb: Mongodb, to: str = "spare_app_uri", name: str = "mongo_uri", needed: bool = False
) -> Action[Pointed]:
    """Where the application reads its address in AWS Secrets Manager, have `name` there say `to`.

    `to` is a setting of this service. What was before is kept. Elsewhere (`where` is "" then) nothing is
    done, and `service.set_env` tells the application; with `needed` that is refused. A secret is read at its
    next start."""
    return (yield from pointing.point(mongodb, to, name, needed=needed))


def point_back(mongodb: Mongodb, name: str = "mongo_uri", needed: bool = False) -> Action[Pointed]:
    """Have the application's address in AWS Secrets Manager be what it was before `point_application`.

    With `needed` it is refused where the inventory names no secret; else nothing is done there."""
    return (yield from pointing.point_back(mongodb, name, needed=needed))


class _Restorer(Protocol):
    """Who brings a server back to a moment: our own programs, or the provider that runs it."""

    def restore_points(self, mongodb: Mongodb) -> Action[RestorePoints]:
        """List what can be restored."""

    def prepare_spare(self, mongodb: Mongodb, within: float) -> Action[Spare]:
        """See that there is a server to restore into."""

    def restore(self, mongodb: Mongodb, target: points.Target, within: int) -> Action[Restored]:
        """Restore a moment into the spare."""

    def remove_old(self, mongodb: Mongodb, old: str, after: float, quiet: float) -> Action[Removed]:
        """Delete the server that was replaced, once that is long enough ago."""


def _restorer(mongodb: Mongodb) -> _Restorer:
    return cast(_Restorer, hosted if mongodb.hosted else points)
