"""The server's stream of changes: opened behind a token, and the errors after which there is no going on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import bson
from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure, PyMongoError

from agent.errors import Refused
from agent.pitr.server import OURS, connect

# History lost; fatal error of a stream; token not found or invalid; position overrun.
_LOST = {286, 280, 260, 136, 234}
_NO_STREAMS = {40573, 40324}
_UNKNOWN_STAGE = {40324, 16436, 5073506}
_SPLIT: dict[str, Any] = {"$changeStreamSplitLargeEvent": {}}


Token = Mapping[str, Any]


class Gap(Exception):
    """Changes are missing: the history cannot go on from where it was."""


class Stream:
    """Changes of the whole cluster as raw events, in the order of their cluster time."""

    def __init__(self, uri: str, after: Token | None, patience: float = 0.25) -> None:
        """Open it behind the token `after`, or at the server's present; `patience` is a read's wait."""
        # A server that hangs is left after a while and looked for again; one that is gone is told of soon.
        self._client = connect(
            uri, 3, document_class=RawBSONDocument, socketTimeoutMS=30_000, retryReads=False
        )
        options: dict[str, Any] = {
            "show_expanded_events": True,
            "max_await_time_ms": int(patience * 1000),
            "batch_size": 2000,
        }
        if after is not None:
            options["resume_after"] = after
        try:
            self._stream = self._open(options)
        except BaseException:
            self._client.close()
            raise

    def _open(self, options: dict[str, Any]) -> Any:
        with lost_is_a_gap():
            try:
                return self._client.watch([_SPLIT], **options)
            except OperationFailure as error:
                # Before 6.0.9 there is no such stage; then an event beyond 16 MiB ends the stream.
                if error.code not in _UNKNOWN_STAGE or error.code in _LOST:
                    raise
            return self._client.watch(**options)

    @property
    def token(self) -> Token | None:
        """Where it stands: what was read lies before, what was not behind."""
        found: Token | None = self._stream.resume_token
        return found

    def read(self) -> RawBSONDocument | None:
        """Return the next event, or None where there was none within its patience.

        Raises:
            Gap: the server no longer has what comes next.
            PyMongoError: the connection is gone, and a second try failed too.
        """
        with lost_is_a_gap():
            event: RawBSONDocument | None = self._stream.try_next()
            if event is not None and b"splitEvent\0" in event.raw and "splitEvent" in event:
                return self._whole(event)
            return event

    def _whole(self, first: RawBSONDocument) -> RawBSONDocument:
        """Put together an event that the server split, as it is larger than a document may be.

        Its fields come in any order, its time maybe last; the last part's token is the whole one's.
        """
        together = dict(first)
        part: RawBSONDocument | None = first
        while part is None or part["splitEvent"]["fragment"] < part["splitEvent"]["of"]:
            part = self._stream.try_next()
            together |= dict(part or {})
        del together["splitEvent"]
        return RawBSONDocument(bson.encode(together))

    def still_has(self, token: Token) -> bool:
        """Return whether the server still has everything behind `token`.

        Raises:
            PyMongoError: it could not be asked.
        """
        try:
            with (
                lost_is_a_gap(),
                self._client.watch(resume_after=token, max_await_time_ms=1, batch_size=1) as another,
            ):
                another.try_next()
        except Gap:
            return False
        return True

    def close(self) -> None:
        """Let go of it; never raises."""
        try:
            self._stream.close()
        except PyMongoError:
            pass
        finally:
            self._client.close()


@contextmanager
def lost_is_a_gap() -> Iterator[None]:
    """Turn the errors that say that history is lost into a Gap."""
    try:
        yield
    except OperationFailure as error:
        said = str(error).split(", full error:")[0]
        if error.code in _LOST or error.has_error_label("NonResumableChangeStreamError"):
            raise Gap(said) from None
        if error.code in _NO_STREAMS and "replica set" in said:
            raise Refused(
                f"Expected a server with change streams, found: {said}.",
                do="Make it a replica set of one: --replSet, then rs.initiate().",
            ) from None
        raise


def time_of(event: RawBSONDocument) -> Timestamp:
    """Return an event's cluster time."""
    at: Timestamp = event["clusterTime"]
    return at


def heartbeat_of(event: RawBSONDocument) -> tuple[int, float] | None:
    """Return number and time of our heartbeat, where this event is one."""
    ns = event.get("ns")
    if ns is None or ns["db"] != OURS or ns.get("coll") != "heartbeat":
        return None
    # Somebody may delete it, or drop our whole database; the next beat makes it anew.
    said = event.get("fullDocument") or (event.get("updateDescription") or {}).get("updatedFields") or {}
    if "n" not in said or "w" not in said:
        return None
    return int(said["n"]), float(said["w"])
