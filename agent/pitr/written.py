"""When somebody last wrote to a captured server: one that users are on is no old one."""

from __future__ import annotations

import time
import uuid
from typing import Any

from bson import Timestamp

from agent.errors import NotInTime, Refused
from agent.pitr import instant
from agent.pitr.edges import of_data
from agent.pitr.log import Span, read
from agent.pitr.server import DURABLE, NOT_DATA, OURS, connect, named, now_of, words
from agent.pitr.store import Store
from agent.pitr.stream import Gap, lost_is_a_gap

_WRITES = {"$match": {"operationType": {"$in": ["insert", "update", "replace"]}}}
_LONG = 60.0


def last_write(store: Store, since: Timestamp) -> Timestamp | None:
    """Return the moment of the newest captured write after `since`; None where there is none.

    Ours are none, and neither are deletes: a TTL index goes on with those when everybody has left.
    """
    for timeline in reversed(store.timelines()):
        # A hole is no matter here: what is there tells.
        pieces = [Span((each,), None) for each in timeline.segments() if each.last > since]
        pieces += [Span((), timeline.open)] if timeline.open.is_file() else []
        for piece in reversed(pieces):
            start = max(since, instant.below(piece.segments[0].first)) if piece.segments else since
            written = [each.at for each in read(piece, start) if of_data(each) and each.kind != "delete"]
            if written:
                return max(written)
    return None


def newest_write(uri: str, within: float) -> float:
    """Return how many seconds ago somebody last wrote to a living server; -1 where nobody did in `within`.

    Its own history of changes is asked, up to a mark that we write now; deletes are none, as above.

    Raises:
        Unreachable: it does not answer.
        ServiceRefused: it does not let us look.
        Refused: its history does not go back so far.
        NotInTime: there is more of it than can be read in a minute.
    """
    client: Any = connect(uri, 10, socketTimeoutMS=30_000)
    try:
        with words(f"The server at {named(uri)}"):
            return _newest(client, within)
    except Gap as error:
        raise Refused(
            f"Expected the server's changes of the last {within:g} s, found them gone: {error}.",
            do="Ask for a shorter time: --set quiet=10m.",
        ) from None
    finally:
        client.close()


def _newest(client: Any, within: float) -> float:
    now = now_of(client)
    marks = client[OURS].get_collection("check", write_concern=DURABLE)
    marks.replace_one({"_id": "retire"}, {"_id": "retire", "mark": uuid.uuid4().hex}, upsert=True)
    since, last, end = Timestamp(max(0, int(now.time - within)), 1), None, time.monotonic() + _LONG
    with (
        lost_is_a_gap(),
        client.watch([_WRITES], start_at_operation_time=since, max_await_time_ms=250) as stream,
    ):
        while not ((event := stream.try_next()) and event["clusterTime"] > now and _is_mark(event)):
            if event and event["ns"]["db"] not in NOT_DATA and not event["ns"]["coll"].startswith("system."):
                last = event["clusterTime"]
            if time.monotonic() < end:
                continue
            if last is None:
                raise NotInTime(f"Read for {_LONG:.0f} s in what was changed, and did not come to its end.")
            break
    return -1.0 if last is None else float(max(0, now.time - last.time))


def _is_mark(event: Any) -> bool:
    return bool(event["ns"] == {"db": OURS, "coll": "check"} and event["documentKey"]["_id"] == "retire")
