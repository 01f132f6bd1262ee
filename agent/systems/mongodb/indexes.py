"""Indexes of a MongoDB server: held against what was declared and their data, built again, proved."""

from __future__ import annotations

from agent.pitr.index_model import Declared, IndexProof, IndexReport, Rebuilt
from agent.systems.mongodb.server import Mongodb, answer
from agent.transport.ask import Action, Note


def declare(mongodb: Mongodb) -> Action[Declared]:
    """List every index there is, as a file declares them."""
    return (yield from answer(mongodb, "declare-indexes", {}, Declared, timeout=60))


def look(mongodb: Mongodb, which: str) -> Action[IndexReport]:
    """Look at each declared index and say what is wrong with it."""
    spec = {"indexes": mongodb.indexes}
    report = yield from answer(mongodb, "look-at-indexes", spec, IndexReport, into=which, timeout=1_800)
    for each in report.broken:
        yield Note(f"{mongodb.host}: {each}")
    for each in report.lies:
        yield Note(f"{mongodb.host}: `validate` calls {each} valid; counting shows otherwise")
    for double in report.duplicates:
        values = ", ".join(f"{path} = {value}" for path, value in double.values.items())
        yield Note(f"{mongodb.host}: {double.count} documents of {double.collection} have {values}")
    return report


def rebuild(mongodb: Mongodb, which: str, within: int) -> Action[Rebuilt]:
    """Build again what has to be; done a second time it goes on from what it finds."""
    done = yield from answer(
        mongodb,
        "rebuild-indexes",
        {"indexes": mongodb.indexes},
        Rebuilt,
        into=which,
        changes=f"builds the indexes of {mongodb.host} that are missing, wrong or at odds with their data",
        again="safe",
        timeout=within,
    )
    for each in done.indexes:
        yield Note(
            f"{each.collection}.{each.name} (was {each.was}) in {each.seconds:.1f} s; its query took "
            f"{each.before.median:.1f} ms before, {each.during.median:.1f} ms during, "
            f"{each.after.median:.1f} ms after (median)"
        )
    for refused in done.refused:
        yield Note(f"{refused} was not built: its values are not unique; nothing was deleted")
    for name in done.deleting:
        yield Note(
            f"{name} was not built: as it is declared it would have documents deleted that stay as it is. "
            "Where what is there is right, declare it so (drillyard mongodb indexes); else it is changed by "
            "hand (collMod)"
        )
    return done


def prove(mongodb: Mongodb, which: str) -> Action[IndexProof]:
    """Prove them all.

    Raises:
        ProofFailed: one is not as declared, disagrees with its data, or does not answer its query.
    """
    spec = {"indexes": mongodb.indexes}
    return (yield from answer(mongodb, "prove-indexes", spec, IndexProof, into=which, timeout=1_800))
