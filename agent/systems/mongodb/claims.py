"""Claims about a MongoDB server that can be false: it answers, reads, takes durable writes, is captured."""

from __future__ import annotations

from agent.errors import ProofFailed, Refused
from agent.pitr.model import CaptureStatus, Status
from agent.systems.mongodb import points
from agent.systems.mongodb.server import Mongodb
from agent.transport.ask import Action


def prove(mongodb: Mongodb, which: str, at_least: int, captured: bool) -> Action[Status]:
    """Prove that the server answers, reads and writes, holds documents, and is captured where that is asked.

    Raises:
        ProofFailed: one of these is false; the sentence names it.
    """
    now = yield from points.status(mongodb, which)
    claims = {
        "it answers": now.up,
        "it reads and takes durable writes": now.reads and now.writes,
        f"it holds at least {at_least} documents": now.documents >= at_least,
    }
    found = "; ".join(now.symptoms) or f"{now.documents} documents"
    for claim, holds in claims.items():
        if not holds:
            raise ProofFailed(f"{mongodb.host}: expected of MongoDB ({which}) that {claim}, found: {found}.")
    if captured:
        said: CaptureStatus = yield from points.capture_status(mongodb)
        if not said.running:
            raise ProofFailed(
                f"{mongodb.host}: expected that a capture is at work, found it {said.state}: "
                f"{said.error or 'nothing was told'}.",
                do=f"Start it: systemctl start {mongodb.capture_unit} (its unit: drillyard capture --unit).",
            )
    return now


def lost(mongodb: Mongodb, tries: int = 2) -> Action[Status]:
    """See that the server does not answer, asked several times.

    Raises:
        Refused: it does; whoever restored now would leave behind what it still has.
    """
    for _ in range(tries):
        now = yield from points.status(mongodb, "self")
        if now.lives:
            raise _lives(mongodb, now)
        if now.up and now.documents > 0:
            raise Refused(
                f"{mongodb.host}: expected a MongoDB that is lost, found it answering with {now.documents} "
                "documents.",
                do="Data that was damaged and not lost: drillyard run mongodb_pitr. It came back without its "
                "data and was used since: stop it, and run this again. Something else is lost: its own page.",
            )
    return now


def still_lost(mongodb: Mongodb) -> Action[Status]:
    """See that the server has not come back, right before its users are sent elsewhere.

    Raises:
        Refused: it has; the sentence has the choices.
    """
    now = yield from points.status(mongodb, "self")
    if now.lives:
        raise _lives(mongodb, now)
    if now.up and now.documents > 0:
        raise Refused(
            f"{mongodb.host}: expected the old MongoDB to be lost still, found it answering again with "
            f"{now.documents} documents. Nobody was sent to the spare, and nothing is lost.",
            do="Stay with the old one: there is nothing more to do, but empty the spare before it is needed "
            "again. Or leave it all the same: stop it, see that its capture has caught up (drillyard mongodb "
            "status), and resume this run; what it has written meanwhile is brought over first.",
        )
    return now


def _lives(mongodb: Mongodb, now: Status) -> Refused:
    """Return why a server that does not serve us is not lost all the same."""
    return Refused(
        f"{mongodb.host}: expected a MongoDB that is lost, found that it lives: {now.lives}. Nobody was sent "
        "to the spare.",
        do="Let us in (user, password, certificates of `uri`), or give the set a primary: start its members, "
        "or on one that is left rs.reconfig() to those that live, with force: true (at a provider by its "
        "console); that loses less than a restore. To leave it all the same, stop it, and run again.",
    )
