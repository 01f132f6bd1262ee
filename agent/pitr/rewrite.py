"""Documents brought from one known state to another on a living server; any other state is left alone."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import DeleteOne, InsertOne, ReplaceOne
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from agent.pitr.edges import found_at
from agent.pitr.elements import document
from agent.pitr.server import DURABLE, Client
from agent.pitr.sums import Place

_BATCH = 100
_TRIES = 6
_NOT_IN_TRANSACTIONS = {20, 263}
_TRANSIENT = "TransientTransactionError"
_OTHERWISE = "it was written to on the restored server"


@dataclass(frozen=True)
class Rewrite:
    """A document as it is expected to be and as it should become; None is that there is none.

    One that a TTL index had made due by now, as it was or as it becomes (`was_due`, `becomes_due`), may have
    been removed by that.
    """

    place: Place
    was: bytes | None
    becomes: bytes | None
    was_due: bool = False
    becomes_due: bool = False


@dataclass
class Rewritten:
    """What became of them; `refused` says why not."""

    applied: int = 0
    already: int = 0
    refused: dict[Place, str] = field(default_factory=dict)


def rewrite(client: Client, wanted: Sequence[Rewrite]) -> Rewritten:
    """Rewrite them in transactions: what else writes meanwhile is never overwritten.

    What collides with another document (a unique index) is tried once more after all the others.
    """
    done = Rewritten()
    collided: list[Rewrite] = []
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        try:
            _write(client, batch, done)
        except _Collision:
            collided += _singly(client, batch, done)
    for each in _singly(client, collided, done, last=True):
        done.refused.setdefault(each.place, "the restored server refuses it")
    return done


class _Collision(Exception):
    """The server refused a write."""


def _singly(
    client: Client, batch: Sequence[Rewrite], done: Rewritten, *, last: bool = False
) -> list[Rewrite]:
    left = []
    for each in batch:
        try:
            _write(client, [each], done)
        except _Collision as error:
            left.append(each)
            if last:
                done.refused[each.place] = f"the restored server refuses it: {error}"
    return left


def _write(client: Client, batch: Sequence[Rewrite], done: Rewritten) -> None:
    """Rewrite some in one transaction, again where another got in between."""
    quiet = threading.Event()
    for left in range(_TRIES - 1, -1, -1):
        try:
            with (
                client.start_session() as session,
                session.start_transaction(read_concern=ReadConcern("snapshot"), write_concern=DURABLE),
            ):
                now = _once(client, session, batch)
        except PyMongoError as error:
            if left and error.has_error_label(_TRANSIENT):
                quiet.wait(0.05 * (_TRIES - left))
                continue
            if not isinstance(error, OperationFailure):
                raise
            if not (len(batch) == 1 and _codes(error) & _NOT_IN_TRANSACTIONS):
                raise _Collision(_said(error)) from None
            now = _alone(client, batch)
        done.applied += now.applied
        done.already += now.already
        done.refused |= now.refused
        return


def _alone(client: Client, batch: Sequence[Rewrite]) -> Rewritten:
    """Rewrite outside of a transaction: a capped collection takes no other writes."""
    try:
        return _once(client, None, batch)
    except OperationFailure as error:
        raise _Collision(_said(error)) from None


def _codes(error: OperationFailure) -> set[Any]:
    details = error.details or {}
    return {error.code, *(each.get("code") for each in details.get("writeErrors", ()))}


def _once(client: Client, session: Any, batch: Sequence[Rewrite]) -> Rewritten:
    wanted: dict[str, list[bytes]] = defaultdict(list)
    for each in batch:
        wanted[each.place[0]].append(each.place[1])
    found = found_at(client, wanted, session)
    now = Rewritten()
    writes: dict[str, list[Any]] = defaultdict(list)
    for each in batch:
        is_ = found.get(each.place)
        swept = is_ is None and each.was_due
        if is_ == each.becomes or (swept and each.becomes_due):
            now.already += 1
        elif is_ != each.was and not swept:
            now.refused[each.place] = _OTHERWISE
        else:
            now.applied += 1
            writes[each.place[0]].append(_operation(replace(each, was=None) if swept else each))
    for namespace, operations in writes.items():
        db, _, name = namespace.partition(".")
        client[db][name].bulk_write(operations, session=session, bypass_document_validation=True)
    return now


def _operation(of: Rewrite) -> Any:
    key = {"_id": bson.decode(document([of.place[1]]))["_id"]}
    if of.becomes is None:
        return DeleteOne(key)
    whole = RawBSONDocument(of.becomes)
    return InsertOne(whole) if of.was is None else ReplaceOne(key, whole)


def _said(error: PyMongoError) -> str:
    if isinstance(error, BulkWriteError) and error.details.get("writeErrors"):
        return str(error.details["writeErrors"][0].get("errmsg", error))[:200]
    return str(error).split(", full error:")[0][:200]
