"""How the programs that capture and restore are asked: one function a verb."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from agent.errors import Refused, StepFailed
from agent.pitr.model import (
    Admitted,
    Based,
    CaptureStatus,
    Damage,
    Exported,
    Loaded,
    Moment,
    Proof,
    Record,
    Replayed,
    Restored,
    RestorePoints,
    Status,
    Written,
)
from agent.providers import Removed, Spare
from agent.systems.mongodb.server import Mongodb, answer
from agent.transport.ask import Action, Clock, Note


@dataclass(frozen=True)
class Target:
    """A moment, a server to bring to it, and the databases there that may be replaced."""

    at: str
    into: str
    replace: tuple[str, ...] = ()


def status(mongodb: Mongodb, which: str) -> Action[Status]:
    """Ask the server how it is."""
    return (yield from answer(mongodb, "status", {}, Status, into=which, timeout=30))


def capture_status(mongodb: Mongodb) -> Action[CaptureStatus]:
    """Read the capture's own status, and see whether it lives."""
    return (yield from answer(mongodb, "capture-status", {}, CaptureStatus, timeout=30))


def catch_up(mongodb: Mongodb, within: int) -> Action[CaptureStatus]:
    """Wait until the capture has what the server had acknowledged."""
    spec = {"within": within}
    return (yield from answer(mongodb, "catch-up", spec, CaptureStatus, timeout=within + 30))


def prepare_spare(mongodb: Mongodb, within: float) -> Action[Spare]:
    """See that the spare answers; making one is for whoever has machines.

    Raises:
        StepFailed: it does not.
    """
    del within
    found = yield from status(mongodb, "spare")
    if not found.up:
        raise StepFailed(
            f"{mongodb.host}: expected the spare to answer, found: {'; '.join(found.symptoms) or 'nothing'}.",
            do="Start an empty server for it, and see that spare_uri leads there.",
        )
    return Spare("spare")


def remove_old(mongodb: Mongodb, old: str, after: float, quiet: float) -> Action[Removed]:
    """Say that a server of our own may be stopped now; nothing is done to it here.

    Raises:
        Refused: `old` is not this host, or was written to in the last `quiet` seconds; its spare holds no
            restore, or one that is younger than `after`.
    """
    if old != mongodb.host:
        raise Refused(
            f"{mongodb.host}: expected this host's name for the server that was replaced, found {old!r}.",
            do=f"The old server and its record are reached by --limit {old}.",
        )
    found = yield from answer(mongodb, "record", {"within": quiet}, Record, into="spare", timeout=60)
    if found.seconds < 0:
        raise Refused(
            f"{mongodb.host}: expected its spare to hold a restore that was done, found none.",
            do=f"Leave {old} as it is: it was not replaced.",
        )
    hours = found.seconds / 3600
    if found.seconds < after:
        raise Refused(
            f"{mongodb.host}: {old} was replaced {hours:.1f} h ago and is kept for {after / 3600:g} h.",
            do=f"Come back in {(after - found.seconds) / 3600:.1f} h.",
        )
    if found.written >= 0:
        raise still_used(mongodb, old, found.written, quiet)
    yield Note(f"{old} is a server of our own: it is stopped, and its disks are left as they are.")
    return Removed(old, round(hours, 1), ours=True)


def still_used(mongodb: Mongodb, old: str, ago: float, quiet: float) -> Refused:
    """Return why a server that somebody wrote to so many seconds ago is not retired."""
    return Refused(
        f"{mongodb.host}: expected {old} to have been left by everybody, found that it was written to "
        f"{ago:.0f} s ago.",
        do="Whoever went back to it (switch_back) is still there. Switch them to the new server, or "
        f"stop whatever writes; {quiet / 60:g} min after its last write this page goes on.",
    )


def written(mongodb: Mongodb, address: str, within: float) -> Action[Written]:
    """Ask the server at an address, as the user of `uri`, whether somebody wrote to it lately."""
    spec = {"address": address, "within": within}
    return (yield from answer(mongodb, "written", spec, Written, timeout=120))


def restore_points(mongodb: Mongodb) -> Action[RestorePoints]:
    """List what can be restored."""
    return (yield from answer(mongodb, "restore-points", {}, RestorePoints, timeout=300))


def take_base(mongodb: Mongodb, within: int) -> Action[Based]:
    """Take a base beside the running capture; asked again it takes another, which is harmless."""
    return (
        yield from answer(
            mongodb,
            "base",
            {"workers": mongodb.workers},
            Based,
            changes=f"takes a base snapshot into {mongodb.store}",
            again="safe",
            timeout=within,
        )
    )


def find_damage(
    mongodb: Mongodb, span: tuple[str, str], at_least: int, only: str = "", known: Damage | None = None
) -> Action[Damage]:
    """Search the captured changes.

    Raises:
        Refused: a candidate of `only` was not found.
    """
    spec = {"since": span[0], "until": span[1], "at_least": at_least}
    found = yield from answer(mongodb, "find-damage", spec, Damage, timeout=1_800)
    if only:
        found = _only(mongodb, found, only.split())
    return found if known is None else known.gone_on(found)


def _only(mongodb: Mongodb, found: Damage, wanted: list[str]) -> Damage:
    there = [each.id for each in found.candidates]
    missing = [each for each in wanted if each not in there]
    if missing:
        raise Refused(
            f"{mongodb.host}: expected candidates {' '.join(missing)} in what was searched, found "
            f"{' '.join(there) or 'none'}.",
            do="drillyard mongodb find-damage shows them; --since and --at-least widen the search.",
        )
    return replace(found, chosen=tuple(wanted))


def moment(mongodb: Mongodb, damage: Damage | None, before: str) -> Action[Moment]:
    """Name the last moment strictly below the first bad event.

    Raises:
        Refused: nothing says when the damage began.
    """
    if not before:
        if damage is None or not damage.candidates:
            raise Refused(
                f"{mongodb.host}: expected damage with a first bad moment, found no candidate.",
                do="Name the moment: `before` as SECS,INC or ISO time, or search with a lower at_least.",
            )
        chosen = [each for each in damage.candidates if each.id in damage.chosen] or damage.candidates
        before = min((each.first for each in chosen), key=_order)
        for each in chosen:
            yield Note(f"{mongodb.host}: taken as the damage: {each.told}")
    else:
        yield Note(f"{mongodb.host}: {before} was given as the first bad moment.")
    found = yield from answer(mongodb, "moment", {"before": before}, Moment, timeout=300)
    yield Note(f"{mongodb.host}: the last good moment is {found.at} ({found.utc}).")
    return found


def restore(mongodb: Mongodb, target: Target, within: int) -> Action[Restored]:
    """Restore into a new server; the run's own clock names the attempt, so that a resume knows it again.

    Raises:
        StepFailed: the latest moment has no document, so whoever asked for it means an earlier one.
    """
    now: float = yield Clock()
    done = yield from answer(
        mongodb,
        "restore",
        {
            **asdict(target),
            "attempt": f"{mongodb.host}@{datetime.fromtimestamp(now, UTC).isoformat()}",
            "workers": mongodb.workers,
        },
        Restored,
        into=target.into,
        changes=f"restores {mongodb.host} as of {target.at} into {target.into}",
        again="safe",
        timeout=within,
    )
    if target.at == "latest" and not done.documents:
        raise StepFailed(
            f"{mongodb.host}: expected documents at the latest moment that was captured ({done.at}), found "
            "none: they were deleted or dropped before.",
            do="drillyard mongodb find-damage says when; drillyard run mongodb_pitr goes back before that.",
        )
    if done.users_missing:
        yield Note(
            f"{mongodb.host}: users that {target.into} lacks, as no server tells passwords: "
            f"{', '.join(done.users_missing)}. The application's is made by a later step, others by a person."
        )
    for each in done.as_of_base:
        yield Note(
            f"{mongodb.host}: {each} is as the base has it: MongoDB does not tell changes of time series."
        )
    for warning in done.warnings:
        yield Note(f"{mongodb.host}: {warning}")
    return done


def admit(mongodb: Mongodb, at: str) -> Action[Admitted]:
    """Have the application's user on the spare; a provider keeps users itself, so there it is only tried."""
    ours = mongodb.hosted is None
    return (
        yield from answer(
            mongodb,
            "admit",
            {"at": at, "make": ours},
            Admitted,
            into="spare",
            of="spare_app_uri",
            changes="makes the application's user on the spare where it is missing" if ours else "",
            again="safe",
            timeout=120,
        )
    )


def prove_restore(mongodb: Mongodb, target: Target, depth: str, within: int) -> Action[Proof]:
    """Prove what was restored."""
    spec = {**asdict(target), "depth": depth, "workers": mongodb.workers}
    return (yield from answer(mongodb, "prove", spec, Proof, into=target.into, timeout=within))


def replay(
    mongodb: Mongodb, target: Target, damage: Damage | None, within: int, only_new: bool = False
) -> Action[Replayed]:
    """Bring later writes to the restored server."""
    told = {"damage": asdict(damage) if damage else None, "only_new": only_new}
    done = yield from answer(
        mongodb,
        "replay",
        {**asdict(target), **told},
        Replayed,
        into=target.into,
        changes=f"replays what was written after {target.at} into {target.into}",
        again="safe",
        timeout=within,
    )
    yield Note(
        f"{mongodb.host}: of {done.events} later writes {done.applied} documents were brought over and "
        f"{done.already} were there; {done.undone} stay as restored, as only the damage had touched them."
    )
    if done.conflict_count:
        yield Note(
            f"{mongodb.host}: {done.conflict_count} could not be brought over and need a person; each is in "
            f"{done.report or 'the journal'}."
        )
    return done


def export(mongodb: Mongodb, folder: str, at: str, within: int) -> Action[Exported]:
    """Write a mongodump folder."""
    return (
        yield from answer(
            mongodb,
            "export",
            {"folder": folder, "at": at, "workers": mongodb.workers},
            Exported,
            changes=f"writes a mongodump folder to {folder}",
            again="safe",
            timeout=within,
        )
    )


def load(mongodb: Mongodb, folder: str, target: Target, within: int) -> Action[Loaded]:
    """Load a mongodump folder."""
    now: float = yield Clock()
    return (
        yield from answer(
            mongodb,
            "load",
            {
                **asdict(target),
                "folder": folder,
                "attempt": f"{mongodb.host}@{datetime.fromtimestamp(now, UTC).isoformat()}",
                "workers": mongodb.workers,
            },
            Loaded,
            into=target.into,
            changes=f"loads {folder} into {target.into}",
            again="safe",
            timeout=within,
        )
    )


def _order(moment: str) -> tuple[int, int]:
    seconds, _, inc = moment.partition(",")
    return int(seconds), int(inc)
