"""Proof that a server is as its source was at a moment: all that was written by then, nothing from after.

It is computed from base and log again, and compared with what the server says when it is asked; whoever
restored it, and by which means, does not matter. A living server goes on removing what its TTL indexes make
due: what is due by its clock may be gone, and has to be as it was where it is there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC
from functools import partial
from typing import Any

from pymongo.read_concern import ReadConcern

from agent.errors import ProofFailed
from agent.pitr import instant
from agent.pitr.catalog import VIEW, Entry, catalog
from agent.pitr.crew import Crew, hands
from agent.pitr.edges import Edges, edges_of, found_at
from agent.pitr.elements import document
from agent.pitr.lives import create_options
from agent.pitr.merge import Tally, pieces_of, split
from agent.pitr.model import Proof
from agent.pitr.passing import Passing
from agent.pitr.plan import Plan, make_plan, workplace
from agent.pitr.reach import Way, way_to
from agent.pitr.server import Client, connect, words
from agent.pitr.store import Store
from agent.pitr.sums import Place, Sum, Summer, Told

_NAMED = 5
_LONGEST = 21_600.0
"""Seconds that a proof may take; what becomes due within them is told apart from what stays."""


def prove(store: Store, at: str, into: str, *, whole: bool = True, workers: int = 0) -> Proof:
    """Prove it; `whole` compares every document, otherwise only those written around the moment are.

    Raises:
        ProofFailed: the server is not so; what differs is named.
        MomentUnreachable, BackupDamaged: there is nothing to prove it by.
    """
    begun = time.monotonic()
    way = way_to(store, at)
    crew = hands(workers)
    edges = edges_of(way)
    with workplace(store) as folder:
        plan = make_plan(way, folder, crew)
        passing = Passing(plan.lives.values(), time.time() + _LONGEST)
        told = expected(way, plan, edges, passing, whole=whole, hands=crew)
    client = connect(into, 30)
    try:
        with words("The restored server"):
            _same_catalog(client, plan)
            gone = _same_edges(client, edges, told.picked, passing)
            compared = _same_sums(client, told.sums, passing) if whole else {}
    finally:
        client.close()
    present, absent = _sides(edges, told.picked)
    counts = {namespace: there for namespace, (there, _) in compared.items()}
    away = sum(lacking for _, lacking in compared.values()) if whole else len(gone)
    return Proof(
        at=instant.show(way.at),
        claims=tuple(_claims(way, edges, whole=whole, counts=counts, away=away)),
        counts=counts,
        documents=sum(counts.values()),
        present=present - len(gone.intersection(edges.before)),
        absent=absent,
        whole=whole,
        seconds=round(time.monotonic() - begun, 3),
    )


def expected(
    way: Way, plan: Plan, edges: Edges, passing: Passing | None = None, *, whole: bool, hands: int
) -> Told:
    """Return what base and log say of a moment; what is `passing` is summed up apart."""
    told = Told(sums={life.namespace: Sum() for life in plan.lives.values() if life.kind != VIEW})
    with Crew(plan, partial(Summer, edges.wanted, passing, sums=whole), hands) as crew:
        tally: Tally = crew.merge(pieces_of(way.base, plan.lives), plan.buckets)
    for each in tally.told:
        told.add(each)
    return told


def _same_catalog(client: Client, plan: Plan) -> None:
    there = {entry.namespace: entry for entry in catalog(client)}
    wanted = {life.namespace: life for life in plan.lives.values()}
    wrong = [f"{name} is missing" for name in sorted(set(wanted) - set(there))]
    wrong += [f"{name} is there and should not be" for name in sorted(set(there) - set(wanted))]
    for name in sorted(set(wanted) & set(there)):
        life, entry = wanted[name], there[name]
        if life.kind != entry.kind or create_options(life) != create_options_of(entry):
            wrong.append(f"{name} was created with other options")
        ours = {str(index["name"]): _index(index) for index in life.indexes.values()}
        theirs = {str(index["name"]): _index(index) for index in entry.indexes}
        wrong += [
            f"{name}: index {index} {'differs' if index in ours and index in theirs else 'is missing'}"
            if index in ours
            else f"{name}: index {index} should not be there"
            for index in sorted(set(ours) | set(theirs))
            if ours.get(index) != theirs.get(index)
        ]
    if wrong:
        raise ProofFailed(f"The restored server's collections differ: {_few(wrong)}.")


def create_options_of(entry: Entry) -> dict[str, Any]:
    """Return the options of a collection that is there, as `create_options` does for one to be made."""
    from agent.pitr.lives import Life

    return create_options(Life(0, entry.db, entry.name, entry.kind, entry.options))


def _index(index: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return what tells two indexes apart: keys in their order, and options but for the format's version."""
    keys = list(dict(index["key"]).items())
    return [("key", keys), *sorted((k, v) for k, v in index.items() if k not in ("key", "v"))]


def _same_edges(
    client: Client, edges: Edges, picked: Mapping[Place, bytes], passing: Passing
) -> frozenset[Place]:
    """Compare them, and return those that were due and are gone."""
    found = found_at(client, edges.wanted)
    now = clock(client)
    gone = frozenset(
        place
        for place, document in picked.items()
        if place not in found and passing.due(place[0], document) <= now
    )
    wrong = []
    for side, places in (("at or before", edges.before), ("after", edges.after)):
        for place in places:
            if place not in gone and found.get(place) != picked.get(place):
                wrong.append(
                    f"{shown(place)}, written {side} it, {_how(found.get(place), picked.get(place))}"
                )
    if wrong:
        raise ProofFailed(
            f"Expected the documents written around the moment as they were at it, found {len(wrong)} that "
            f"are not: {_few(wrong)}."
        )
    return gone


def clock(client: Client) -> float:
    """Return the server's own time: by that it removes what is due."""
    local: Any = client.admin.command("hello")["localTime"]
    return float(local.replace(tzinfo=UTC).timestamp())


def _how(found: bytes | None, wanted: bytes | None) -> str:
    if found is None:
        return "is missing"
    return "is there and should not be" if wanted is None else "is another"


def _same_sums(client: Client, sums: Mapping[str, Sum], passing: Passing) -> dict[str, tuple[int, int]]:
    """Compare every document, by the sum of their hashes; return how many there are, and how many are gone
    that were due."""
    wrong, counts = [], {}
    for namespace, wanted in sorted(sums.items()):
        found = summed(client, namespace, passing)
        now = clock(client)
        gone = wanted.passing.keys() - found.passing.keys()
        early = sum(wanted.passing[each] > now for each in gone)
        counts[namespace] = found.documents + len(found.passing), len(gone)
        if found.documents != wanted.documents or early:
            there, should = found.documents + len(found.passing), wanted.documents + len(wanted.passing)
            wrong.append(
                f"{namespace} has {there} documents and should have {should}"
                + (f", {len(gone) - early} of them gone by a TTL index" if len(gone) > early else "")
            )
        elif found.hashes != wanted.hashes or found.passing.keys() - wanted.passing.keys():
            wrong.append(
                f"{namespace} has {counts[namespace][0]} documents, and some are not as they should be"
            )
    if wrong:
        raise ProofFailed(f"The restored server's documents differ: {_few(wrong)}.")
    return counts


def summed(client: Client, namespace: str, passing: Passing | None = None) -> Sum:
    """Return the sum of a collection's documents as a server has them, what is `passing` apart."""
    db, _, name = namespace.partition(".")
    source = client[db].get_collection(name, read_concern=ReadConcern("majority"))
    total, apart = Sum(), (passing or Passing()).apart
    cursor: Any = source.find_raw_batches({}, hint=[("$natural", 1)], batch_size=5000)
    for batch in cursor:
        total.take(*apart(namespace, split(batch)))
    return total


def _sides(edges: Edges, picked: Mapping[Place, bytes]) -> tuple[int, int]:
    present = sum(place in picked for place in edges.before)
    return present, sum(place not in picked for place in edges.after)


def _claims(way: Way, edges: Edges, *, whole: bool, counts: Mapping[str, int], away: int) -> list[str]:
    claims = [
        f"the last {len(edges.before)} documents written by {instant.show(way.at)} are as they were then",
        f"the first {len(edges.after)} documents written after it show nothing of that",
        "collections, their options and indexes are those of the moment",
    ]
    if whole:
        claims.append(f"all {sum(counts.values())} documents were compared")
    if away:
        claims.append(f"{away} documents that a TTL index had made due are gone by it, and were not compared")
    return claims


def shown(place: Place) -> str:
    """Return a place as a person reads it."""
    from bson.json_util import dumps
    from bson.raw_bson import RawBSONDocument

    return f"{place[0]} _id {dumps(RawBSONDocument(document([place[1]]))['_id'])}"


def _few(wrong: list[str]) -> str:
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return "; ".join(wrong[:_NAMED]) + more
