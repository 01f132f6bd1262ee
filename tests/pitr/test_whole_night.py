"""The whole of it as an operator has it: a capture that is ill-treated, a wrong query, the way back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from bson import Timestamp

from agent.errors import BackupDamaged, MomentUnreachable
from agent.pitr import instant
from agent.pitr.segment import Segment
from agent.systems.mongodb import (
    capture_status,
    catch_up,
    find_damage,
    moment,
    prepare_spare,
    prove_restore,
    replay,
    restore,
    restore_points,
    status,
)
from bench.relay import Relay
from tests.mongo_standin import MongoServer
from tests.pitr.blows import Blows, events_of
from tests.pitr.captured_host import CapturedHost
from tests.pitr.capturing import until
from tests.pitr.workload import Truth, Writer, definitions_of, state_of


class Night:
    """Written to while the capture is killed, cut off and left by its server; then the wrong query."""

    def __init__(self, folder: Path, relay: Relay, server: MongoServer, spare: MongoServer) -> None:
        self.server, self.spare = server, spare
        uri = f"mongodb://127.0.0.1:{relay.port}/?directConnection=true"
        self.host = host = CapturedHost(folder, server, spare, uri)
        shop = server.client().shop
        shop.a.create_index([("v", 1)])
        shop.kept.insert_many([{"_id": n, "v": n} for n in range(400)])
        truth = Truth()
        writer = Writer(server, truth, 1)
        host.start()
        host.based()
        writer.start()
        blows = Blows(host, relay, server)
        for blow in (blows.capture_killed, relay.cut, blows.server_killed, relay.cut):
            wanted = truth.writes + 30
            until(lambda wanted=wanted: truth.writes >= wanted, 120)
            blow()
        wanted = truth.writes + 30
        until(lambda: truth.writes >= wanted and len(self.sealed()) >= 3, 120)
        writer.stop()
        self.writes = truth.writes
        self.truth = truth
        self.at = host.caught_up()
        self.state, self.definitions = state_of(server), definitions_of(server)
        shop = server.client().shop
        shop.kept.delete_many({"_id": {"$lt": 250}})
        shop.kept.update_many({}, {"$set": {"v": "oops"}})
        shop.late.insert_one({"_id": "after", "n": 1})
        shop.kept.update_one({"_id": 399}, {"$set": {"w": "later"}})
        host.caught_up()

    def sealed(self) -> list[Segment]:
        """The segments that hold nothing of what the first base was taken beside."""
        (stretch, *_) = self.host.do(restore_points(self.host.mongodb)).stretches
        since = instant.read(stretch.since)
        return [each for each in self.host.store.timelines()[0].segments() if since < each.first]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory):
    """The history; its capture is at work still."""
    folder = tmp_path_factory.mktemp("night")
    server, spare = MongoServer(folder / "data"), MongoServer(folder / "spare")
    for each in (server, spare):
        each.start()
    with Relay(("127.0.0.1", server.port)) as relay:
        made = Night(folder, relay, server, spare)
        yield made
        made.host.close()
    for each in (server, spare):
        each.kill()


def test_nothing_is_missing_from_the_log(night: Night):
    """Killed, cut off, left by its server: one event a write, one timeline, no gap and nothing untold."""
    assert len(night.host.store.timelines()) == 1
    log, twice = events_of(night.host.store)
    assert night.writes > 100
    assert not night.truth.amiss(log, instant.read(night.at))
    assert not twice
    said = night.host.status
    assert (said.state, said.gaps, said.error) == ("capturing", (), "")


def test_an_operator_sees_it(night: Night):
    """Status, moments and the damage with the last moment before it, in both languages and as JSON."""
    host = night.host
    assert host.asked("status").code == 0
    told = host.asked("status", "--lang", "ko").out
    assert "캡처 중" in told
    assert "지연" in told
    data = host.asked("status", "--json").data
    assert data["host"] == "mongo1"
    assert data["capture"]["state"] == "capturing"
    assert data["server"]["up"]
    (stretch,) = host.asked("points", "--json").data["points"]["stretches"]
    assert instant.read(stretch["since"]) <= instant.read(night.at) <= instant.read(stretch["until"])
    assert f"from {stretch['since']}" in host.asked("points").out
    found = host.asked("find-damage", "--at-least", "100")
    assert found.code == 0
    assert "* " in found.out
    assert "delete of 250 documents in shop.kept" in found.out
    assert "the last moment before" in found.out
    assert "shop.kept의 문서 250개" in host.asked("find-damage", "--lang", "ko").out
    at = host.asked("find-damage", "--json").data["moment"]["at"]
    assert instant.read(night.at) <= instant.read(at)
    assert host.asked("find-damage", "--until", night.at).code == 1
    assert host.asked("find-damage", "--since", "yesterday").code == 64


def test_back_to_before_the_wrong_query(night: Night):
    """The actions of a page in their order: found, restored, proved, later writes kept, conflicts listed."""
    host, mongodb = night.host, night.host.mongodb
    assert host.do(status(mongodb)).writes
    assert host.do(catch_up(mongodb)).running
    damage = host.do(find_damage(mongodb))
    at = host.do(moment(mongodb, damage)).at
    assert host.do(prepare_spare(mongodb)).name == "spare"
    done = host.do(restore(mongodb, at, replace=("shop",)))
    assert state_of(night.spare) == night.state
    assert definitions_of(night.spare) == night.definitions
    assert done.orphans == 0
    proof = host.do(prove_restore(mongodb, at))
    assert proof.whole
    assert proof.present
    assert proof.absent
    kept = host.do(replay(mongodb, at, damage))
    assert night.spare.client().shop.late.find_one() == {"_id": "after", "n": 1}
    assert (kept.conflict_count, kept.conflicts[0].id) == (1, "399")
    assert Path(kept.report).read_text().count('{"conflict":') == 1
    again = host.do(replay(mongodb, at, damage))
    assert (again.applied, again.conflict_count) == (0, 1)
    assert host.do(capture_status(mongodb)).running


def test_a_moment_out_of_reach_names_the_nearest(night: Night, tmp_path: Path):
    """Before the first base and after the last event: what can be reached is said."""
    points = night.host.do(restore_points(night.host.mongodb))
    said = night.host.asked("dump", str(tmp_path / "dump"), "--at", "1000,1")
    assert said.code == MomentUnreachable.exit_code
    assert points.stretches[0].since in said.err
    late = instant.show(Timestamp(instant.read(points.stretches[-1].until).time + 9999, 1))
    with pytest.raises(MomentUnreachable, match="nearest that can"):
        night.host.do(restore(night.host.mongodb, late))
    assert night.host.asked("dump").code == 64
    assert night.host.asked("points", str(tmp_path)).code == 64


def test_a_mongodump_folder_by_hand(night: Night, tmp_path: Path):
    """Out of the captures, and into the spare, by the command line."""
    folder = tmp_path / "dump"
    said = night.host.asked("dump", str(folder), "--at", night.at)
    assert said.code == 0
    assert f"{len(night.state)} documents as of {night.at}" in said.out
    assert sorted(path.name for path in folder.glob("shop/kept.*")) == ["kept.bson", "kept.metadata.json"]
    loaded = night.host.asked("load", str(folder), "--replace", "shop", "--lang", "ko")
    assert loaded.code == 0
    assert f"문서 {len(night.state)}개" in loaded.out
    assert night.host.asked("load", str(folder)).code == 23
    assert state_of(night.spare) == night.state


def test_a_segment_missing_or_damaged_is_refused(night: Night, tmp_path: Path):
    """By its name; a moment behind the hole is not reached over it, one before it still is."""
    broken = CapturedHost(tmp_path, night.server, night.spare)
    shutil.copytree(night.host.store.path, broken.store.path)
    # Not the first of them: with it the last moment goes that the base leads to.
    n = [each.n for each in night.sealed() if each.last < instant.read(night.at)][1]
    (middle,) = [each for each in broken.store.timelines()[0].segments() if each.n == n]
    content = middle.path.read_bytes()
    middle.path.write_bytes(content[:-20] + bytes([content[-20] ^ 1]) + content[-19:])
    with pytest.raises(BackupDamaged, match=middle.path.name):
        broken.do(restore(broken.mongodb, night.at, replace=("shop",)))
    middle.path.unlink()
    with pytest.raises((MomentUnreachable, BackupDamaged), match=f"{middle.n:08d}"):
        broken.do(restore(broken.mongodb, night.at, replace=("shop",)))
    assert f"{middle.n:08d}" in broken.asked("points").out
    before = broken.do(restore_points(broken.mongodb)).stretches[0].until
    assert instant.read(before) < middle.first
    assert broken.do(restore(broken.mongodb, before, replace=("shop",))).at == before


def test_a_restore_opens_a_new_timeline(night: Night, tmp_path: Path):
    """The spare is captured from here on: its history names the one it came from, and where it left it."""
    night.host.do(restore(night.host.mongodb, night.at, replace=("shop",)))
    source = night.host.store.timelines()[0].id
    moved = CapturedHost(tmp_path, night.spare, night.server)
    shutil.copytree(night.host.store.path, moved.store.path)
    moved.start()
    try:
        until(lambda: len(moved.store.timelines()) == 2, 60)
        history = moved.store.timelines()[1].history()
        assert (history.parent, history.at) == (source, night.at)
        until(lambda: moved.status.timeline == history.id and moved.status.base)
        assert moved.asked("points", "--json").data["points"]["stretches"][-1]["timeline"] == history.id
    finally:
        assert moved.end() == 0
    assert moved.status.state == "ended"


def test_a_base_now(night: Night):
    """Beside the capture; the moments before it are reached from the one before."""
    said = night.host.asked("base", "--json")
    assert said.code == 0
    assert night.host.asked("points", "--json").data["points"]["stretches"][0]["bases"] == 2
