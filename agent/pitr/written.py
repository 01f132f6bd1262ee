"""When somebody last wrote to a captured server: one that users are on is no old one."""

from __future__ import annotations

from bson import Timestamp

from agent.pitr import instant
from agent.pitr.edges import of_data
from agent.pitr.log import Span, read
from agent.pitr.store import Store


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
