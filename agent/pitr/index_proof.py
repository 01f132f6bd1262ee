"""Proves that the declared indexes are there, agree with their data, and answer the queries they are for."""

from __future__ import annotations

from agent.errors import ProofFailed
from agent.pitr.index_look import look
from agent.pitr.index_model import IndexProof, IndexReport, Latency
from agent.pitr.index_queries import Client, Query, collection_of
from agent.pitr.index_specs import Specs, definitions


def prove(client: Client, declared: Specs, *, validate: bool = True) -> IndexProof:
    """Prove it of every declared index.

    Raises:
        ProofFailed: it is false of one; the sentence names it, and what is not unique where that is why.
    """
    report = look(client, declared, validate=validate)
    if not report.sound:
        raise _not_sound(report)
    claims, latencies = [], {}
    every = list(definitions(declared))
    names = {(each.collection, each.name) for each in every}
    for each in every:
        where = f"{each.collection}.{each.name}"
        query = Query(collection_of(client, each), each)
        if query.filter is None or not each.ordered or each.options.get("hidden"):
            claims.append(f"{where} is as declared; no query to prove it by")
            continue
        latency = query.latency()
        latencies[where] = latency
        if not latency.index and each.covers and query.answered_by(each.name) == each.name:
            claims.append(f"{where} is as declared, agrees with its data, and answers queries that name it")
            continue
        if (each.collection, latency.index) not in names:
            raise ProofFailed(
                f"Expected a query of {each.collection} by {each.keys[0][0]} to be answered by the index "
                f"{each.name}, found it answered by {_by(latency)}."
            )
        claims.append(
            f"{where} is as declared, agrees with its data, and its query is answered by {latency.index}"
        )
    return IndexProof(tuple(claims), latencies)


def _by(latency: Latency) -> str:
    return f"the undeclared index {latency.index}" if latency.index else "a scan of the whole collection"


def _not_sound(report: IndexReport) -> ProofFailed:
    for each in report.duplicates:
        values = ", ".join(f"{path} = {value}" for path, value in each.values.items())
        return ProofFailed(
            f"Expected {each.collection}.{each.index} to be unique, found {each.count} documents with "
            f"{values}: {', '.join(each.ids)}.",
            do="Decide which of them to keep, change the others, and run again; nothing was deleted.",
        )
    unwell = [f"validate says of {place}: {words}" for place, words in report.validate.items()]
    return ProofFailed(
        f"Expected every declared index to be sound, found {'; '.join(report.broken or unwell)}."
    )
