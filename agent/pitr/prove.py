"""Proof that a server is as its source was at a moment: all that was written by then, nothing from after.

It is computed from base and log again, and compared with what the server says when it is asked; whoever
restored it, and by which means, does not matter.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
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
from agent.pitr.plan import Plan, make_plan, workplace
from agent.pitr.reach import Way, way_to
from agent.pitr.server import Client, connect, words
from agent.pitr.store import Store
from agent.pitr.sums import Place, Sum, Summer, Told

_NAMED = 5


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
        told = expected(way, plan, edges, whole=whole, hands=crew)
    client = connect(into, 30)
    try:
        with words("The restored server"):
            _same_catalog(client, plan)
            _same_edges(client, edges, told.picked)
            counts = _same_sums(client, told.sums) if whole else {}
    finally:
        client.close()
    present, absent = _sides(edges, told.picked)
    return Proof(
        at=instant.show(way.at),
        claims=tuple(_claims(way, edges, whole=whole, counts=counts)),
        counts=counts,
        documents=sum(counts.values()),
        present=present,
        absent=absent,
        whole=whole,
        seconds=round(time.monotonic() - begun, 3),
    )


def expected(way: Way, plan: Plan, edges: Edges, *, whole: bool, hands: int) -> Told:
    """Return what base and log say of a moment."""
    told = Told(sums={life.namespace: Sum() for life in plan.lives.values() if life.kind != VIEW})
    with Crew(plan, partial(Summer, edges.wanted, sums=whole), hands) as crew:
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


def _same_edges(client: Client, edges: Edges, picked: Mapping[Place, bytes]) -> None:
    found = found_at(client, edges.wanted)
    wrong = []
    for side, places in (("at or before", edges.before), ("after", edges.after)):
        for place in places:
            if found.get(place) != picked.get(place):
                wrong.append(
                    f"{shown(place)}, written {side} it, {_how(found.get(place), picked.get(place))}"
                )
    if wrong:
        raise ProofFailed(
            f"Expected the documents written around the moment as they were at it, found {len(wrong)} that "
            f"are not: {_few(wrong)}."
        )


def _how(found: bytes | None, wanted: bytes | None) -> str:
    if found is None:
        return "is missing"
    return "is there and should not be" if wanted is None else "is another"


def _same_sums(client: Client, sums: Mapping[str, Sum]) -> dict[str, int]:
    """Compare every document, by the sum of their hashes; return how many there are."""
    wrong, counts = [], {}
    for namespace, wanted in sorted(sums.items()):
        found = summed(client, namespace)
        counts[namespace] = found.documents
        if found.documents != wanted.documents:
            wrong.append(f"{namespace} has {found.documents} documents and should have {wanted.documents}")
        elif found.hashes != wanted.hashes:
            wrong.append(f"{namespace} has {found.documents} documents, and some are not as they should be")
    if wrong:
        raise ProofFailed(f"The restored server's documents differ: {_few(wrong)}.")
    return counts


def summed(client: Client, namespace: str) -> Sum:
    """Return the sum of a collection's documents as a server has them."""
    db, _, name = namespace.partition(".")
    source = client[db].get_collection(name, read_concern=ReadConcern("majority"))
    total = Sum()
    cursor: Any = source.find_raw_batches({}, hint=[("$natural", 1)], batch_size=5000)
    for batch in cursor:
        total.take(split(batch))
    return total


def _sides(edges: Edges, picked: Mapping[Place, bytes]) -> tuple[int, int]:
    present = sum(place in picked for place in edges.before)
    return present, sum(place not in picked for place in edges.after)


def _claims(way: Way, edges: Edges, *, whole: bool, counts: Mapping[str, int]) -> list[str]:
    claims = [
        f"the last {len(edges.before)} documents written by {instant.show(way.at)} are as they were then",
        f"the first {len(edges.after)} documents written after it show nothing of that",
        "collections, their options and indexes are those of the moment",
    ]
    if whole:
        claims.append(f"all {sum(counts.values())} documents were compared")
    return claims


def shown(place: Place) -> str:
    """Return a place as a person reads it."""
    from bson.json_util import dumps
    from bson.raw_bson import RawBSONDocument

    return f"{place[0]} _id {dumps(RawBSONDocument(document([place[1]]))['_id'])}"


def _few(wrong: list[str]) -> str:
    more = f" and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return "; ".join(wrong[:_NAMED]) + more
