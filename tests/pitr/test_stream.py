"""The stream: an event in parts comes as one, errors that mean lost history are told from the others."""

from typing import Any

import bson
import pytest
from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from agent.errors import Refused
from agent.pitr.server import OURS
from agent.pitr.stream import Gap, Stream, heartbeat_of, lost_is_a_gap, time_of
from tests.mongo_standin import MongoServer
from tests.pitr.history import event, insert


class Told:
    """What a driver's stream would give, one thing a call."""

    def __init__(self, *parts: dict[str, Any] | None) -> None:
        self.parts = list(parts)

    def try_next(self) -> RawBSONDocument | None:
        """Give the next."""
        said = self.parts.pop(0)
        return None if said is None else RawBSONDocument(bson.encode(said))


def test_an_event_in_parts_comes_as_one():
    """In whatever order its fields come; with the token behind its last part."""
    stream = object.__new__(Stream)
    stream._stream = Told(
        {"_id": {"_data": "1"}, "splitEvent": {"fragment": 1, "of": 3}, "fullDocument": {"_id": 5}},
        None,
        {"_id": {"_data": "2"}, "splitEvent": {"fragment": 2, "of": 3}, "documentKey": {"_id": 5}},
        {
            "_id": {"_data": "3"},
            "splitEvent": {"fragment": 3, "of": 3},
            "operationType": "insert",
            "clusterTime": Timestamp(7, 1),
            "ns": {"db": "a", "coll": "b"},
        },
        {"_id": {"_data": "4"}, "operationType": "delete", "documentKey": {"_id": "splitEvent"}},
    )
    whole = stream.read()
    assert whole is not None
    said = bson.decode(whole.raw)
    assert said.pop("_id") == {"_data": "3"}
    assert set(said) == {"fullDocument", "documentKey", "operationType", "clusterTime", "ns"}
    assert time_of(whole) == Timestamp(7, 1)
    following = stream.read()
    assert following is not None
    assert following["_id"]["_data"] == "4"


def test_lost_history_is_a_gap_and_nothing_else_is():
    """By the server's codes and by its label."""
    for code in (286, 280, 260):
        with pytest.raises(Gap), lost_is_a_gap():
            raise OperationFailure("gone", code)
    with pytest.raises(OperationFailure), lost_is_a_gap():
        raise OperationFailure("busy", 112)
    with pytest.raises(Refused, match="change streams"), lost_is_a_gap():
        raise OperationFailure("The $changeStream stage is only supported on replica sets", 40573)


def test_a_heartbeat_is_known():
    """Ours, in whichever form it comes; nobody else's."""
    assert heartbeat_of(insert((1, 1), "drillyard", "dr_agent.heartbeat", n=1, w=2.5)) == (1, 2.5)
    assert heartbeat_of(insert((1, 1), "drillyard", "shop.heartbeat", n=1, w=2.5)) is None
    assert heartbeat_of(event((1, 1), "dropDatabase", ns="dr_agent")) is None


def test_the_server_tells_changes_and_whether_it_still_has_them(mongo_server: MongoServer):
    """A stream opened at the present gives what is written next; its token is good for another."""
    stream = Stream(mongo_server.uri, None)
    try:
        token = stream.token
        mongo_server.client().test_stream.a.insert_one({"_id": 1})
        found = next(
            each
            for each in iter(stream.read, object())
            if each is not None and each["ns"]["db"] == "test_stream"
        )
        assert found["documentKey"]["_id"] == 1
        assert token is not None
        assert stream.still_has(token)
    finally:
        stream.close()


@pytest.mark.parametrize(
    "made",
    [
        event((100, 1), "delete", "mongo1", f"{OURS}.heartbeat"),
        event((100, 1), "drop", ns=f"{OURS}.heartbeat"),
        event((100, 1), "dropDatabase", ns=OURS),
    ],
    ids=["deleted", "dropped", "dropped with all of ours"],
)
def test_a_heartbeat_that_somebody_took_away_is_none(made: RawBSONDocument):
    """The capture goes on, and its next beat makes the document anew."""
    assert heartbeat_of(made) is None
