"""A captured history, restored: exact at its moments on both sides, proved, refused where it must be."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from random import Random

import pytest
from bson import Timestamp

from agent.errors import BackupDamaged, MomentUnreachable, ProofFailed, Refused, Unreachable
from agent.pitr import edges, instant
from agent.pitr.base import take
from agent.pitr.dump import export, load
from agent.pitr.edges import Edges
from agent.pitr.log import changes
from agent.pitr.plan import make_plan
from agent.pitr.prove import expected, prove
from agent.pitr.reach import restore_points, way_to
from agent.pitr.restore import restore
from agent.pitr.store import Store
from tests.mongo_standin import MongoServer
from tests.pitr.capturing import capturing, until
from tests.pitr.workload import Key, Truth, Writer, definitions_of, state_of


class Night:
    """One captured history: much written, then `at`, then everything damaged."""

    def __init__(self, folder: Path) -> None:
        self.server = MongoServer(folder / "data")
        self.server.start()
        self.truth = Truth()
        self.store = Store(folder / "store")
        shop = self.server.client().shop
        shop.a.create_index([("v", 1)])
        shop.b.create_index([("s", 1), ("v", -1)], name="sv")
        shop.b.insert_many([{"_id": n, "v": n} for n in range(300)])
        writers = [Writer(self.server, self.truth, n) for n in (1, 2)]
        for each in writers:
            each.some(15)
        self.truth.mark()
        with capturing(self.server, folder / "store", base_every=0) as captured:
            for each in writers:
                each.start()
            until(lambda: self.truth.writes > 70)
            take(self.server.uri, self.store)
            shop.a.create_index(
                "m", unique=True, name="once", partialFilterExpression={"m": {"$exists": True}}
            )
            shop.b.drop_index("sv")
            shop.create_collection("c", capped=True, size=4096)
            shop.c.insert_one({"_id": 1})
            shop.d.insert_one({"_id": 1})
            shop.d.rename("e")
            shop.junk.insert_one({"_id": 1})
            shop.junk.drop()
            shop.junk.insert_one({"_id": 2})
            shop.command({"create": "view", "viewOn": "a", "pipeline": [{"$match": {"v": 1}}]})
            self.server.client().admin.command("createUser", "app", pwd="x", roles=["readAnyDatabase"])
            captured.caught_up(self.server)
            until(lambda: self.truth.writes > 220)
            for each in writers:
                each.stop()
            self.at = captured.caught_up(self.server)
            self.state, self.definitions = state_of(self.server), definitions_of(self.server)
            self.deleted = shop.a.delete_many({}).deleted_count
            shop.b.update_many({}, {"$set": {"v": "oops"}})
            shop.e.drop()
            captured.caught_up(self.server)
        self.log: dict[Key, list[Timestamp]] = defaultdict(list)
        for change in changes(self.store.timelines()[0], Timestamp(0, 0), None):
            if change.name in ("a", "b") and change.kind in ("insert", "update", "replace", "delete"):
                self.log[change.name, change.event["documentKey"]["_id"]].append(change.at)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The history; nothing alters it, and its server is gone."""
    made = Night(tmp_path_factory.mktemp("night"))
    made.server.kill()
    return made


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory):
    """A server to restore into, again and again."""
    server = MongoServer(tmp_path_factory.mktemp("spare") / "data")
    server.start()
    yield server
    server.kill()


ALL = ("shop",)


def test_everything_by_then_and_nothing_after(night: Night, spare: MongoServer):
    """Byte for byte, with the definitions; proved; and what is said of it is so."""
    done = restore(night.store, night.at, spare.uri, ALL, "one", 2)
    assert state_of(spare) == night.state
    assert definitions_of(spare) == night.definitions
    assert done.documents == len(night.state)
    assert (done.orphans, done.at, done.users_missing) == (0, night.at, ())
    proof = prove(night.store, night.at, spare.uri)
    assert proof.whole
    assert proof.documents == done.documents
    assert proof.present
    assert proof.absent == 0
    assert prove(night.store, night.at, spare.uri, whole=False).present == proof.present


def test_a_proof_sees_what_is_wrong(night: Night, spare: MongoServer, monkeypatch: pytest.MonkeyPatch):
    """One document too many, too few, altered, an index, a collection: each is named."""
    restore(night.store, night.at, spare.uri, ALL, "", 1)
    shop = spare.client().shop
    one = shop.b.find_one({"_id": 7})
    shop.b.delete_one({"_id": 7})
    with pytest.raises(ProofFailed, match=r"shop\.b _id 7, written after it, is missing"):
        prove(night.store, night.at, spare.uri, whole=False)
    monkeypatch.setattr(edges, "KEPT", 5)
    with pytest.raises(ProofFailed, match=r"shop\.b has \d+ documents and should have"):
        prove(night.store, night.at, spare.uri)
    shop.b.insert_one({**one, "v": -1})
    with pytest.raises(ProofFailed, match="some are not as they should be"):
        prove(night.store, night.at, spare.uri)
    shop.b.replace_one({"_id": 7}, one)
    prove(night.store, night.at, spare.uri)
    shop.a.drop_index("once")
    with pytest.raises(ProofFailed, match="index once is missing"):
        prove(night.store, night.at, spare.uri, whole=False)
    shop.extra.insert_one({})
    with pytest.raises(ProofFailed, match=r"shop\.extra is there"):
        prove(night.store, night.at, spare.uri, whole=False)


def test_a_wrong_moment_is_seen_on_either_side(night: Night, spare: MongoServer):
    """Restored a little too late or too early: the edges alone tell."""
    later = restore_points(night.store).stretches[-1].until
    restore(night.store, later, spare.uri, ALL)
    with pytest.raises(ProofFailed, match=r"collections differ|around the moment"):
        prove(night.store, night.at, spare.uri, whole=False)
    moments = sorted({at for each in night.log.values() for at in each if at <= instant.read(night.at)})
    early = instant.show(instant.below(moments[-1]))
    restore(night.store, early, spare.uri, ALL)
    with pytest.raises(ProofFailed, match="written at or before it"):
        prove(night.store, night.at, spare.uri, whole=False)
    assert prove(night.store, early, spare.uri).whole


def test_any_moment_is_exact(night: Night, tmp_path: Path):
    """Moments of events and just below them, against what the writers noted: one event a write."""
    states = night.truth.states
    assert night.truth.writes > 200
    reach = restore_points(night.store).stretches[-1]
    since, until = instant.read(reach.since), instant.read(night.at)
    events = sorted(at for key in states for at in night.log[key] if since < at <= until)
    assert not night.truth.amiss(night.log, until)
    for n, moment in enumerate(Random(1).sample(events, 6)):
        at = moment if n % 2 else instant.below(moment)
        way = way_to(night.store, instant.show(at))
        (folder := tmp_path / str(n)).mkdir()
        plan = make_plan(way, folder, 1)
        places = {
            (f"shop.{name}", b"\x10_id\0" + key.to_bytes(4, "little")): (name, key) for name, key in states
        }
        told = expected(way, plan, Edges(tuple(places), ()), whole=True, hands=1)
        assert {places[place]: each for place, each in told.picked.items()} == night.truth.at(at, night.log)


def test_a_mongodump_folder_there_and_back(night: Night, spare: MongoServer, tmp_path: Path):
    """Written, read again, loaded: the same documents and definitions; also compressed, as --gzip does."""
    import gzip

    folder = tmp_path / "dump"
    written = export(night.store, night.at, str(folder), 2)
    assert written.documents == len(night.state)
    with pytest.raises(Refused, match="found something there"):
        export(night.store, night.at, str(folder))
    for path in folder.glob("shop/b.*"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    loaded = load(night.store, str(folder), spare.uri, ALL, "a", 2)
    assert loaded.counts == written.counts
    assert state_of(spare) == night.state
    assert definitions_of(spare) == night.definitions
    assert load(night.store, str(folder), spare.uri, (), "a") == loaded
    bson = next(folder.glob("shop/a.bson"))
    bson.write_bytes(bson.read_bytes()[:-1])
    with pytest.raises(BackupDamaged, match=r"a\.bson"):
        load(night.store, str(folder), spare.uri, ALL)


def test_other_data_is_not_replaced_unless_it_was_named(night: Night, spare: MongoServer):
    """Nothing of it is touched; an attempt that was done is only answered again."""
    spare.client().drop_database("shop")
    spare.client().other.x.insert_one({"_id": 1})
    try:
        with pytest.raises(Refused, match=r"other \(x\)"):
            restore(night.store, night.at, spare.uri, ALL)
        done = restore(night.store, night.at, spare.uri, ("shop", "other"), "again")
        assert "other" not in spare.client().list_database_names()
        spare.client().shop.b.delete_one({"_id": 7})
        assert restore(night.store, night.at, spare.uri, (), "again") == done
        assert spare.client().shop.b.find_one({"_id": 7}) is None
        with pytest.raises(Refused):
            restore(night.store, night.at, spare.uri, (), "yet another")
    finally:
        spare.client().drop_database("other")


def test_what_a_killed_restore_left_is_begun_afresh(
    night: Night, spare: MongoServer, monkeypatch: pytest.MonkeyPatch
):
    """Half done is never taken for done, and needs no permission to be replaced."""
    from agent.pitr import restore as room

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(room, "finish", dies)
        with pytest.raises(KeyboardInterrupt):
            restore(night.store, night.at, spare.uri, ALL, "killed")
    spare.client().shop.b.delete_many({"_id": {"$lt": 9}})
    restore(night.store, night.at, spare.uri, (), "killed")
    assert state_of(spare) == night.state
    assert not list(night.store.path.glob("work-*"))


def test_a_server_that_is_away_or_a_moment_out_of_reach(
    night: Night, spare: MongoServer, monkeypatch: pytest.MonkeyPatch
):
    """Said, with nothing touched."""
    from agent.pitr import target
    from agent.pitr.server import connect

    before = state_of(spare)
    with pytest.raises(MomentUnreachable, match="nearest"):
        restore(night.store, "5,1", spare.uri, ALL)
    monkeypatch.setattr(target, "connect", lambda uri, _: connect(uri, 0.2))
    with pytest.raises(Unreachable, match="The target does not answer"):
        restore(night.store, night.at, "mongodb://127.0.0.1:1/?directConnection=true")
    assert state_of(spare) == before


def test_a_damaged_base_is_refused_before_anything_is_touched(night: Night, spare: MongoServer):
    """By the file's name."""
    before = state_of(spare)
    file = next(night.store.path.glob("*/base/*/shop.b.bson.zst"))
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(BackupDamaged, match=r"shop\.b\.bson\.zst"):
            restore(night.store, night.at, spare.uri, ALL)
    finally:
        file.write_bytes(content)
    assert state_of(spare) == before
