"""The capture on a real server: what it has, through crashes of either side, and what it says of gaps."""

from pathlib import Path

import pytest

from agent.errors import Locked
from agent.pitr.log import changes
from agent.pitr.store import live_status
from tests.mongo_standin import MongoServer
from tests.pitr.capturing import Captured, beginning, capturing, until


def inserted(captured: Captured) -> list[int]:
    """Return the _ids that were inserted into shop.a, over all timelines."""
    return [
        change.event["documentKey"]["_id"]
        for timeline in captured.store.timelines()
        for change in changes(timeline, beginning(timeline), None)
        if change.kind == "insert" and change.db == "shop"
    ]


def test_everything_is_on_disk_in_its_order(server: MongoServer, tmp_path: Path):
    """Sealed, chained, once each; the status says how it goes, and that it ended."""
    collection = server.client().shop.a
    collection.insert_many([{"_id": n} for n in range(-50, 0)])
    with capturing(server, tmp_path / "store", ship_to=str(tmp_path / "far")) as captured:
        for n in range(100):
            collection.insert_one({"_id": n})
        captured.caught_up(server)
        until(lambda: captured.status.segments >= 2)
        assert captured.status.state == "capturing"
        assert live_status(captured.store, 0).running
        assert captured.status.lag.samples
        assert inserted(captured) == list(range(100))
        base = captured.store.timelines()[0].bases()[0]
        assert [(heap.namespace, heap.documents) for heap in base.heaps] == [("shop.a", 50)]
    said = captured.status
    assert (said.state, said.gaps, said.error, said.unshipped) == ("ended", (), "", 0)
    assert inserted(captured) == list(range(100))
    assert sorted(path.name for path in (tmp_path / "far").rglob("*.zst")) == sorted(
        path.name for path in (tmp_path / "store").rglob("*.zst")
    )


def test_it_goes_on_where_it_was(server: MongoServer, tmp_path: Path):
    """Ended and started again: what was written between is there, the timeline is the same."""
    collection = server.client().shop.a
    for round_ in range(3):
        with capturing(server, tmp_path / "store", base_every=0) as captured:
            collection.insert_one({"_id": 2 * round_})
            captured.caught_up(server)
        collection.insert_one({"_id": 2 * round_ + 1})
    with capturing(server, tmp_path / "store", base_every=0) as captured:
        captured.caught_up(server)
        assert inserted(captured) == list(range(6))
        assert len(captured.store.timelines()) == 1
        assert not captured.status.gaps


def test_a_server_that_dies_is_waited_for(server: MongoServer, tmp_path: Path):
    """Killed under writes and started again: everything acknowledged is there once."""
    collection = server.client().shop.a
    with capturing(server, tmp_path / "store", base_every=0) as captured:
        for n in range(50):
            collection.insert_one({"_id": n})
        server.kill()
        until(lambda: captured.status.state == "reconnecting")
        assert captured.status.error
        server.start()
        until(lambda: captured.status.state != "reconnecting")
        collection.insert_one({"_id": 50})
        captured.caught_up(server)
        assert inserted(captured) == list(range(51))
        assert not captured.status.gaps
        assert len(captured.store.timelines()) == 1


def test_what_can_be_restored_is_said_without_the_server(server: MongoServer, tmp_path: Path):
    """Started while the server is gone: the status still says how far the captures reach."""
    with capturing(server, tmp_path / "store") as captured:
        server.client().shop.a.insert_one({"_id": 1})
        captured.caught_up(server)
    said = captured.status
    server.kill()
    again = Captured(captured.capture.settings)
    again.start()
    try:
        until(lambda: again.status.error)
        assert again.status.state == "reconnecting"
        assert again.status.captured_up_to == said.captured_up_to
        assert (again.status.base, again.status.timeline) == (said.base, said.timeline)
    finally:
        again.end()


def test_lost_history_is_said_and_another_begins(server: MongoServer, tmp_path: Path):
    """The server's history rolled over while nobody captured: a gap, a new timeline, a new base."""
    with capturing(server, tmp_path / "store") as captured:
        server.client().shop.a.insert_one({"_id": 0})
        captured.caught_up(server)
    server.stop()
    server.start("--oplog-max-entries", "50")
    server.client().shop.a.insert_many([{"_id": n} for n in range(1, 1100)])
    with capturing(server, tmp_path / "store") as captured:
        until(lambda: len(captured.store.timelines()) == 2 and captured.status.state == "capturing")
        (gap,) = captured.status.gaps
        assert captured.store.timelines()[0].id in gap
        assert any("HISTORY LOST" in line for line in captured.lines)
        second = captured.store.timelines()[1]
        until(second.bases)
        assert sum(heap.documents for heap in second.bases()[0].heaps) == 1100


def test_another_server_is_another_history(servers, tmp_path: Path):
    """Its identity tells: no segment of one follows on the other's."""
    one, two = servers(), servers()
    for each in (one, two):
        with capturing(each, tmp_path / "store", base_every=0) as captured:
            each.client().shop.a.insert_one({"_id": 1})
            captured.caught_up(each)
    first, second = captured.store.timelines()
    assert first.history().server != second.history().server
    assert second.segments()[0].sealed().before == ""


def test_one_capture_a_store(server: MongoServer, tmp_path: Path):
    """A second one is told by whom it is held; one that is gone holds nothing."""
    with capturing(server, tmp_path / "store", base_every=0) as captured:
        with pytest.raises(Locked, match="Another capture"):
            captured.capture.run()
        assert live_status(captured.store, 0).running
    captured.store.tell(captured.status.__class__("capturing"))
    assert live_status(captured.store, 0).state == "dead"


def test_no_room_is_told_and_waited_out(server: MongoServer, tmp_path: Path):
    """The store cannot be written to for a while: said in the status, nothing is lost."""
    with capturing(server, tmp_path / "store", base_every=0) as captured:
        captured.caught_up(server)
        log = captured.store.timelines()[0].log
        hidden = log.with_name("hidden")
        log.rename(hidden)
        server.client().shop.a.insert_one({"_id": 1})
        until(lambda: captured.status.state == "reconnecting" and captured.status.error)
        hidden.rename(log)
        captured.caught_up(server)
        assert inserted(captured) == [1]
