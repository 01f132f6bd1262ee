"""A restore: the documents of a moment into a server of their own, never half done and called done."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from agent.pitr import instant
from agent.pitr.catalog import TIMESERIES, from_json
from agent.pitr.crew import hands
from agent.pitr.fill import Filled, fill, give_accounts
from agent.pitr.merge import pieces_of
from agent.pitr.model import Restored
from agent.pitr.passing import Passing
from agent.pitr.plan import Plan, make_plan, workplace
from agent.pitr.reach import Way, way_to
from agent.pitr.server import named
from agent.pitr.store import Store
from agent.pitr.target import Mark, answered, claim, finish, target


def restore(
    store: Store, at: str, into: str, replaced: Sequence[str] = (), attempt: str = "", workers: int = 0
) -> Restored:
    """Restore to the moment `at` into the server `into`.

    Every byte that is needed is compared with its checksum before the target is touched. The same `attempt`
    again, where it was done, is answered as before; where it was not, the target is begun afresh.

    Raises:
        MomentUnreachable: the moment cannot be reached; the nearest that can are named.
        BackupDamaged: a segment or a base is missing or damaged; it is named.
        Refused: the target holds data that may not be replaced.
        NoRoom: the log cannot be sorted, as a volume is full.
        StepFailed: the target did not take something.
    """
    begun = time.monotonic()
    if answer := answered(into, attempt):
        return msgspec.json.decode(answer, type=Restored)
    way = way_to(store, at)
    crew = hands(workers)
    with workplace(store) as folder:
        plan = make_plan(way, folder, crew)
        pieces = pieces_of(way.base, plan.lives)
        databases = tuple(sorted({life.db for life in plan.lives.values()}))
        mark = Mark(attempt, instant.show(way.at), way.timeline.id, databases)
        claim(into, mark, replaced)
        filled = fill(into, plan, pieces, crew)
    with target(into) as client:
        missing, wrong = give_accounts(client, from_json(way.base.accounts))
    said = _said(way, plan, filled, into)
    said = replace(
        said,
        workers=crew,
        users_missing=missing,
        warnings=(*said.warnings, *wrong),
        seconds=round(time.monotonic() - begun, 3),
    )
    finish(into, mark, {"timeline": way.timeline.id, "at": instant.show(way.at)}, said)
    return said


def _said(way: Way, plan: Plan, filled: Filled, into: str) -> Restored:
    tally = filled.tally
    warnings = [*way.warnings, *plan.warnings]
    if tally.orphans:
        warnings.append(
            f"{tally.orphans} updated documents are neither in the base nor in the log: {tally.named[0]} ..."
        )
    if capped := [each.namespace for each in plan.lives.values() if each.options.get("capped")]:
        warnings.append(f"capped, so its order is not kept: {', '.join(capped)}")
    passing = Passing(plan.lives.values())
    return Restored(
        at=instant.show(way.at),
        utc=instant.utc(way.at),
        timeline=way.timeline.id,
        base=way.base.id,
        into=named(into),
        counts=filled.counts,
        documents=sum(filled.counts.values()),
        bytes=filled.bytes,
        seconds=0.0,
        segments=len(way.span.names),
        events=plan.events,
        indexes=filled.indexes,
        passed=tally.passed,
        folded=tally.folded,
        orphans=tally.orphans,
        as_of_base=tuple(sorted(each.namespace for each in plan.lives.values() if each.kind == TIMESERIES)),
        warnings=tuple(warnings),
        passing=sum(count for namespace, count in filled.counts.items() if namespace in passing),
    )
