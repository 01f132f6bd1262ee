"""A MongoDB that a provider runs: its backups are restored by the provider, into a spare cluster of its own.

Capture, search for damage, proof and replay are our own programs on such a server too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

from agent import naming
from agent.errors import ContactLost, DrillyardError, ProofFailed, Refused, Stopped
from agent.inventory.model import Service
from agent.pitr.model import Reachable, Restored, RestorePoints
from agent.providers import PointInTime, Removed, Spare
from agent.systems.mongodb import points
from agent.systems.mongodb.server import Mongodb
from agent.transport.ask import Action, Note

SURE = 60
"""Seconds after which a provider has what a server wrote: continuous backup promises no less."""


def restore_points(mongodb: Mongodb) -> Action[RestorePoints]:
    """Ask the provider: the stretch its log covers, and each snapshot as a stretch of one moment."""
    provider, service = _provider(mongodb)
    found = yield from provider.window(service)
    stretches = [_stretch(service, at, at, "a snapshot") for at in sorted(found.snapshots)]
    if found.first is not None and found.last is not None:
        stretches.append(_stretch(service, found.first, found.last, found.why))
    faults = () if found.first is not None else (found.why,)
    return RestorePoints(tuple(stretches), faults)


def prepare_spare(mongodb: Mongodb, within: float) -> Action[Spare]:
    """Have the provider make the spare where it is missing, and wait until it is ready."""
    provider, service = _provider(mongodb)
    return (yield from provider.provision(service, within))


def restore(mongodb: Mongodb, target: points.Target, within: int) -> Action[Restored]:
    """Have the provider restore into the spare, and have `spare_uri` and `spare_app_uri` lead there.

    The provider empties the spare, whatever is in it; so one that holds data is refused like one of ours.

    Raises:
        Refused: the target is not the spare, or holds databases that may not be replaced.
    """
    provider, service = _provider(mongodb)
    if target.into != "spare":
        raise Refused(
            f"{mongodb.host}: {service.provider} restores into the spare, not into {target.into}.",
            do="Leave `into` out.",
        )
    spare = yield from provider.provision(service, within)
    if not spare.created and not spare.busy:
        yield from _refuse_data(mongodb, spare, target)
    at = (yield from _sure(mongodb)) if target.at == "latest" else target.at
    done = yield from provider.restore(service, at, within)
    spare = yield from provider.connect(service)
    at = yield from _really(mongodb, done.at, within)
    now = yield from points.status(mongodb, "spare")
    for symptom in now.symptoms:
        yield Note(f"The spare: {symptom}")
    return Restored(
        at=at,
        utc=_utc(float(at.partition(",")[0])),
        timeline=service.provider,
        base=done.job,
        into=spare.address,
        counts={},
        documents=now.documents,
        passing=now.passing,
        bytes=-1,
        seconds=done.seconds,
        segments=0,
        events=0,
    )


def remove_old(mongodb: Mongodb, old: str, after: float, quiet: float) -> Action[Removed]:
    """Have the provider delete the cluster that was replaced, once it is seen that nobody writes to it.

    Raises:
        Refused: somebody did in the last `quiet` seconds, or it could not be seen; nothing is deleted.
    """
    provider, service = _provider(mongodb)
    address = yield from provider.reached(service, old)
    if address and quiet > 0:
        yield from _left(mongodb, old, address, quiet)
    elif address:
        yield Note(f"{old}: whether somebody still writes to it was not looked at, as quiet=0s says.")
    return (yield from provider.remove_old(service, old, after))


def _left(mongodb: Mongodb, old: str, address: str, quiet: float) -> Action[None]:
    """See that everybody has left a cluster; no look is no proof."""
    try:
        found = yield from points.written(mongodb, address, quiet)
    except (ContactLost, Stopped):
        raise
    except DrillyardError as problem:
        raise Refused(
            f"{mongodb.host}: expected to see that nobody writes to {old} any more, found no way to look. "
            f"{problem.sentence}",
            do="Have the tools host reach it as the user of `uri` (access list, roles, not paused). Or see "
            "for yourself that nobody is on it, and say so: --set quiet=0s.",
        ) from None
    if found.seconds >= 0:
        raise points.still_used(mongodb, old, found.seconds, quiet)


def _sure(mongodb: Mongodb) -> Action[str]:
    """Return a moment that the provider surely has and we have captured, or `latest` where there is none.

    A server that is lost may have told us more than it told its provider. From a moment that both know, what
    was captured later can be brought over.
    """
    try:
        found = yield from points.restore_points(mongodb)
    except (ContactLost, Stopped):
        raise
    except DrillyardError:
        return "latest"
    if not found.stretches:
        return "latest"
    newest = found.stretches[-1]
    seconds = int(newest.until.partition(",")[0]) - SURE
    return f"{seconds},0" if seconds > int(newest.since.partition(",")[0]) + 1 else "latest"


def _really(mongodb: Mongodb, at: str, within: int) -> Action[str]:
    """Return the moment that a restore led to, where a provider was asked for a whole second.

    Whether that is its beginning or its end no provider says. What we have captured tells; without it the
    beginning is told, behind which nothing is promised.
    """
    seconds, _, number = at.partition(",")
    if number != "0":
        return at
    for each in (at, f"{int(seconds) + 1},0"):
        try:
            yield from points.prove_restore(mongodb, points.Target(each, "spare"), "edges", within)
        except ProofFailed:
            continue
        except (ContactLost, Stopped):
            raise
        except DrillyardError as problem:
            yield Note(f"Whether the second {at} is in the spare cannot be told. {problem}")
            return at
        return each
    return at


def _refuse_data(mongodb: Mongodb, spare: Spare, target: points.Target) -> Action[None]:
    """Refuse where the spare is seen to hold what may not be replaced; what cannot be seen is said."""
    provider, service = _provider(mongodb)
    if not (yield from provider.leads_there(service)):
        yield Note(f"spare_uri does not lead to {spare.name} yet: what it holds is emptied unseen.")
        return
    found = yield from points.status(mongodb, "spare")
    held = [name for name in found.databases if name not in target.replace]
    if held:
        raise Refused(
            f"{spare.name} holds {', '.join(held)}, and a restore by {service.provider} empties it first.",
            do=f"Name another `spare`, or what may go: `replace: [{', '.join(held)}]`.",
        )
    if not found.up:
        yield Note(f"{spare.name} does not answer: what it holds is emptied unseen.")


def _provider(mongodb: Mongodb) -> tuple[PointInTime, Service]:
    assert mongodb.hosted is not None
    return cast(PointInTime, naming.provider(mongodb.hosted.provider)), mongodb.hosted


def _stretch(service: Service, first: float, last: float, why: str) -> Reachable:
    since, until = (f"{int(at)},0" for at in (first, last))
    return Reachable(service.provider, since, until, _utc(first), _utc(last), 0, 0, -1, why)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
