"""MongoDB Atlas: a spare cluster made, a moment restored into it, its address told; each an action of asks.

What speaks to Atlas is a program on the tools host (`__main__.py`); what is decided, is decided here and in
`choose.py`. A restore job belongs to the cluster it comes from. Atlas empties the target first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agent.errors import BadInventory, NotInTime, Refused, StepFailed, Unreachable
from agent.providers import Removed, Restore, Spare, Window
from agent.providers.atlas import choose
from agent.providers.atlas.settings import Atlas
from agent.providers.atlas.told import Begun, Deleted, Job, Look, Member, Provided, Waited
from agent.providers.program import call
from agent.secrets import Secret
from agent.transport.ask import Action, Done, Note

if TYPE_CHECKING:
    # Not for the program of the tools host, which would read an inventory's world for nothing.
    from agent.inventory.model import Service

SLICE = 60.0
"""Seconds that one ask waits at most: so often the run is heard of, and can be stopped."""
SLACK = 240.0
"""Seconds that an ask may take beyond what it waits: rate limits and Atlas's own errors are waited out."""


def window(service: Service) -> Action[Window]:
    """Ask which moments can be restored."""
    return choose.window((yield from _look(Atlas.of(service))))


def provision(service: Service, within: float = 1500) -> Action[Spare]:
    """See that the spare is there and ready; where it is not, make it, which takes Atlas 7 to 15 minutes."""
    atlas = Atlas.of(service)
    look = yield from _look(atlas)
    provided = Provided(look.spare, False) if look.spare and look.spare.ready else None
    if provided is None:
        provided = yield from _make(atlas, look.cluster)
    for remark in provided.remarks:
        yield Note(f"{remark}.")
    spare = provided.spare if provided.spare.ready else (yield from _ready(atlas, within))
    busy = spare.state != "IDLE"
    return Spare(spare.name, provided.created, spare.address, spare.region, busy, provided.remarks)


def restore(service: Service, at: str = "latest", within: float = 1800) -> Action[Restore]:
    """Restore a moment into the spare, which Atlas empties first, and wait until it is over."""
    atlas = Atlas.of(service)
    look = yield from _look(atlas)
    chosen = choose.choose(look, at)
    spare = choose.fit(look)
    yield Note(f"Atlas restores {chosen.how} of {atlas.cluster} into {spare.name}.")
    begun = yield from call(
        atlas.program,
        "begin",
        atlas.spec(wanted=chosen.body, since=chosen.since, known=look.jobs),
        Begun,
        secrets=atlas.secrets,
        changes=f"has Atlas empty {spare.name} and restore {atlas.cluster} of {chosen.at} into it",
        again="safe",
        timeout=SLACK + SLICE,
        supposing=_supposed(Begun("known only in the run", chosen.at, False)),
    )
    if begun.adopted:
        yield Note(f"The restore {begun.job} was found begun already, and is taken up.")
    seconds = yield from _over(atlas, begun, within)
    return Restore(begun.job, begun.at, spare.name, round(seconds, 1), begun.adopted)


def connect(service: Service) -> Action[Spare]:
    """Write how the spare is reached into the files that `spare_uri` and `spare_app_uri` refer to.

    User, database and options are those of `uri` and `app_uri`. Another reference than a `!file` is
    only compared.
    """
    atlas = Atlas.of(service)
    files, compared, secrets = _strings(service)
    spare = yield from call(
        atlas.program,
        "connect",
        atlas.spec(files=files, set=compared),
        Member,
        secrets={**atlas.secrets, **secrets},
        changes=f"writes how {atlas.spare} is reached into {', '.join(files.values()) or 'no file'}",
        again="safe",
        timeout=SLACK + SLICE,
    )
    return Spare(spare.name, False, spare.address, spare.region)


def leads_there(service: Service) -> Action[bool]:
    """Ask whether `spare_uri` leads to the spare already; a file that is not there yet leads nowhere."""
    atlas, spare = Atlas.of(service), service.secret("spare_uri")
    if spare is None:
        return False
    secrets = {**atlas.secrets, "DRILLYARD_ATLAS_SPARE_URI": spare}
    told = atlas.spec(files={}, set=["spare_uri"])
    try:
        yield from call(atlas.program, "connect", told, Member, secrets=secrets, timeout=SLACK)
    except BadInventory:
        return False
    return True


def remove_old(service: Service, old: str, after: float = 86_400) -> Action[Removed]:
    """Delete the cluster `old`; refused while the newest restore from it is younger than `after` seconds.

    Refused too while the inventory still calls it the service's own: its successor has to stand there first.
    """
    atlas = Atlas.of(service)
    _refuse_ours(atlas, service, old)
    gone = yield from call(
        atlas.program,
        "delete",
        atlas.spec(old=old, after=after),
        Deleted,
        secrets=atlas.secrets,
        changes=f"deletes the cluster {old} and its backups for good",
        again="safe",
        timeout=SLACK + SLICE,
    )
    return Removed(gone.name, round(gone.hours, 1))


def reached(service: Service, old: str) -> Action[str]:
    """Ask where the cluster `old` is reached, without a login; "" where it is gone or going.

    Refused for the service's own, as `remove_old` is.
    """
    atlas = Atlas.of(service)
    _refuse_ours(atlas, service, old)
    spec = atlas.spec(cluster=old)
    told: Look = yield from call(atlas.program, "look", spec, Look, secrets=atlas.secrets, timeout=SLACK)
    there = told.cluster
    return there.address if there is not None and there.state not in ("DELETING", "DELETED") else ""


def _refuse_ours(atlas: Atlas, service: Service, old: str) -> None:
    if old == atlas.cluster:
        raise Refused(
            f"{service.at}: {old} is the cluster of {service.host} by the inventory, so it is not old.",
            do=f"Once {atlas.spare} serves for good, write `cluster: {atlas.spare}` and another `spare`.",
        )


def _look(atlas: Atlas) -> Action[Look]:
    spec = atlas.spec()
    return (yield from call(atlas.program, "look", spec, Look, secrets=atlas.secrets, timeout=SLACK))


def _make(atlas: Atlas, cluster: Member | None) -> Action[Provided]:
    version, disk = (cluster.version, cluster.disk) if cluster else ("", 0.0)
    wanted = {"cloud": atlas.cloud, "region": atlas.region, "tier": atlas.tier, "nodes": atlas.nodes}
    supposed = Member(atlas.spare, "CREATING", version, atlas.tier, atlas.nodes, atlas.region)
    return (
        yield from call(
            atlas.program,
            "provision",
            atlas.spec(**wanted, version=version, disk=disk),
            Provided,
            secrets=atlas.secrets,
            changes=f"has Atlas make {atlas.spare}: {atlas.tier}, {atlas.nodes} nodes, {atlas.region}",
            again="safe",
            timeout=SLACK + SLICE,
            supposing=_supposed(Provided(supposed, True)),
        )
    )


def _ready(atlas: Atlas, within: float) -> Action[Member]:
    """Wait until the spare is ready, a slice at a time."""
    waited, spare = 0.0, Member(atlas.spare, "IDLE", address="known only in the run")
    supposing = _supposed(Waited(spare, 0.0))
    while waited < within:
        try:
            told: Waited = yield from _slice(atlas, "await-spare", {}, Waited, supposing)
        except (Unreachable, NotInTime) as problem:
            yield Note(f"Atlas is asked on. {problem}")
            waited += SLICE
            continue
        waited, spare = waited + told.waited, told.spare
        if spare.ready:
            return spare
        if spare.paused:
            raise StepFailed(f"{spare.name} is paused.", do="Resume it in Atlas; a spare must not be paused.")
        yield Note(f"{spare.name} is {spare.state} after {waited:.0f} s.")
    raise NotInTime(
        f"Waited {within:.0f} s until {atlas.spare} is IDLE, found it {spare.state}.",
        do="Resume to go on waiting. A spare that stands there beforehand costs none of this time.",
    )


def _over(atlas: Atlas, begun: Begun, within: float) -> Action[float]:
    """Wait until the restore is over, a slice at a time; return the seconds it was waited for."""
    waited = 0.0
    supposing = _supposed(Job(begun.job, "done", 0.0))
    while waited < within:
        try:
            job: Job = yield from _slice(atlas, "await-restore", {"job": begun.job}, Job, supposing)
        except (Unreachable, NotInTime) as problem:
            yield Note(f"Atlas is asked on. {problem}")
            waited += SLICE
            continue
        waited += job.waited
        if job.state == "done":
            return waited
        if job.state != "running":
            raise StepFailed(
                f"Atlas's restore {job.id} is {job.state}, so {atlas.spare} is not to be used.",
                do="See the restore in Atlas (Backup, Restores); run again, or restore `at: snapshot`.",
            )
        yield Note(f"Atlas has been restoring for {waited:.0f} s.")
    raise NotInTime(
        f"Waited {within:.0f} s until Atlas's restore {begun.job} is over; it is still running.",
        do="Resume to go on waiting: the run finds it again.",
    )


def _slice(atlas: Atlas, verb: str, more: dict[str, Any], kind: type[Any], supposing: Done) -> Action[Any]:
    return (
        yield from call(
            atlas.program,
            verb,
            atlas.spec(**more, seconds=SLICE),
            kind,
            secrets=atlas.secrets,
            timeout=SLICE + SLACK,
            supposing=supposing,
        )
    )


def _strings(service: Service) -> tuple[dict[str, str], list[str], dict[str, Secret]]:
    """Return which file gets which string, which are only compared, and the strings as secrets."""
    files: dict[str, str] = {}
    compared: list[str] = []
    secrets: dict[str, Secret] = {}
    for now, then in (("uri", "spare_uri"), ("app_uri", "spare_app_uri")):
        present, spare = service.secret(now), service.secret(then)
        if spare is None:
            continue
        if spare.kind == "file" and present is not None:
            files[now] = spare.where
            secrets[f"DRILLYARD_ATLAS_{now.upper()}"] = present
        else:
            compared.append(then)
            secrets[f"DRILLYARD_ATLAS_{then.upper()}"] = spare
    return files, compared, secrets


def _supposed(answer: object) -> Done:
    return Done(0, msgspec.json.encode(answer))
