"""After a restore: writes that the damage did not touch come back, the others are listed, twice is once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.pitr import instant
from agent.pitr.damage import find_damage
from agent.pitr.model import Damage, Replayed
from agent.pitr.replay import replay
from agent.pitr.restore import restore
from agent.pitr.rewrite import Rewrite, rewrite
from agent.pitr.store import Store
from tests.mongo_standin import MongoServer
from tests.pitr.capturing import capturing


class Night:
    """Two hundred of three hundred documents deleted and a hundred altered, with other writes around it."""

    def __init__(self, folder: Path) -> None:
        self.source, self.spare = MongoServer(folder / "source"), MongoServer(folder / "spare")
        for each in (self.source, self.spare):
            each.start()
        self.store = Store(folder / "store")
        shop = self.source.client().shop
        shop.a.insert_many([{"_id": n, "v": n} for n in range(300)])
        shop.a.create_index("u", unique=True, sparse=True)
        with capturing(self.source, folder / "store") as captured:
            shop.a.update_one({"_id": 1}, {"$set": {"v": "before"}})
            captured.caught_up(self.source)
            shop.a.delete_many({"_id": {"$lt": 200}})
            shop.a.update_many({"_id": {"$gte": 200}}, {"$set": {"v": "oops"}})
            shop.a.insert_one({"_id": "new", "n": 1})
            shop.a.update_one({"_id": "new"}, {"$set": {"n": 2}})
            shop.a.insert_one({"_id": 5, "v": "made again"})
            shop.a.update_one({"_id": 250}, {"$set": {"w": "later"}})
            shop.d.insert_many([{"_id": "stays"}, {"_id": "gone"}])
            shop.d.delete_one({"_id": "gone"})
            shop.create_collection("fresh", capped=True, size=4096)
            shop.fresh.create_index("k", name="k1", unique=True)
            shop.fresh.insert_one({"_id": 1, "k": 1})
            shop.b.insert_one({"_id": 1})
            shop.b.rename("c")
            captured.caught_up(self.source)
        self.damage = find_damage(self.store, "", "", 50)
        first = min((each.first for each in self.damage.candidates), key=instant.read)
        self.at = instant.show(instant.below(instant.read(first)))

    def replayed(self, damage: Damage | None = None) -> Replayed:
        """Replay onto the spare."""
        return replay(self.store, self.at, self.spare.uri, damage or self.damage, 1)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory):
    """The history, its source gone."""
    made = Night(tmp_path_factory.mktemp("replay"))
    made.source.kill()
    yield made
    made.spare.kill()


@pytest.fixture(autouse=True)
def restored(night: Night) -> None:
    """The spare is as it was before the damage."""
    restore(night.store, night.at, night.spare.uri, ("shop",), "", 1)


def test_what_the_damage_did_not_touch_comes_back(night: Night):
    """Inserts, updates, new collections with options and indexes; what it touched stays as restored."""
    done = night.replayed()
    shop = night.spare.client().shop
    assert shop.a.find_one({"_id": "new"}) == {"_id": "new", "n": 2}
    assert list(shop.d.find()) == [{"_id": "stays"}]
    assert shop.a.find_one({"_id": 1}) == {"_id": 1, "v": "before"}
    assert shop.a.count_documents({}) == 301
    assert shop.a.find_one({"_id": 251}) == {"_id": 251, "v": 251}
    assert shop.fresh.options()["capped"]
    assert shop.fresh.index_information()["k1"]["unique"]
    assert shop.fresh.count_documents({}) == 1
    assert done.undone == 298
    assert done.until == find_damage(night.store, "", "", 50).until


def test_what_conflicts_is_listed_and_left_alone(night: Night):
    """Written after the damage touched it, or defined otherwise: told with the writes, in a report too."""
    done = night.replayed()
    listed = {(each.namespace, each.id): each for each in done.conflicts}
    assert {("shop.a", "5"), ("shop.a", "250")} <= set(listed)
    assert listed["shop.a", "250"].writes == ('set {"w": "later"}',)
    assert "made again" in listed["shop.a", "5"].writes[0]
    assert any(each.why.startswith("rename") for each in done.conflicts)
    assert done.conflict_count == len(done.conflicts)
    shop = night.spare.client().shop
    assert shop.a.find_one({"_id": 250}) == {"_id": 250, "v": 250}
    assert shop.a.find_one({"_id": 5}) == {"_id": 5, "v": 5}
    lines = [json.loads(line) for line in Path(done.report).read_text().splitlines()]
    assert sum("conflict" in line for line in lines[1:]) == done.conflict_count
    assert sum("undone" in line for line in lines[1:]) == done.undone


def test_twice_changes_nothing_more(night: Night):
    """Killed and run again is the same."""
    first, second = night.replayed(), night.replayed()
    assert second.applied == 0
    assert second.already == first.applied + first.already
    assert second.conflict_count == first.conflict_count


def test_what_was_written_on_the_new_server_is_not_overwritten(night: Night):
    """By users who are served again already."""
    shop = night.spare.client().shop
    shop.a.insert_one({"_id": "new", "n": "theirs"})
    done = night.replayed()
    assert shop.a.find_one({"_id": "new"}) == {"_id": "new", "n": "theirs"}
    (told,) = [each for each in done.conflicts if each.id == '"new"']
    assert "written to on the restored server" in told.why


def test_what_the_server_refuses_is_a_conflict(night: Night):
    """A unique value that another document has by now; all others come through."""
    shop = night.spare.client().shop
    shop.create_collection("fresh")
    shop.fresh.create_index("k", name="k1", unique=True)
    shop.fresh.insert_one({"_id": "theirs", "k": 1})
    done = night.replayed()
    assert any(each.namespace == "shop.fresh" and "refuses" in each.why for each in done.conflicts)
    assert shop.a.find_one({"_id": "new"}) == {"_id": "new", "n": 2}


def test_without_damage_everything_is_brought(night: Night):
    """Then the server ends as the source did, but for what takes a person."""
    nothing = Damage(night.damage.since, night.damage.until, 0)
    done = night.replayed(nothing)
    shop = night.spare.client().shop
    assert shop.a.count_documents({}) == 102
    assert done.removed == 199
    assert shop.a.find_one({"_id": 250}) == {"_id": 250, "v": "oops", "w": "later"}
    assert done.undone == 0


def test_where_nobody_knows_the_damage_only_new_documents_come(night: Night):
    """Then what was there at the moment stays as it was restored, and all that was done to it is listed."""
    done = replay(night.store, night.at, night.spare.uri, None, 1, only_new=True)
    shop = night.spare.client().shop
    assert shop.a.count_documents({}) == 301
    assert shop.a.find_one({"_id": "new"}) == {"_id": "new", "n": 2}
    assert shop.a.find_one({"_id": 250}) == {"_id": 250, "v": 250}
    assert shop.a.find_one({"_id": 5}) == {"_id": 5, "v": 5}
    lines = [json.loads(line) for line in Path(done.report).read_text().splitlines()]
    listed = {line["conflict"]["id"]: line["conflict"]["why"] for line in lines if "conflict" in line}
    assert "nobody said what the damage is" in listed["5"]
    assert done.conflict_count >= 300
    assert done.undone == done.removed == 0


def test_a_large_log_is_taken_in_parts(night: Night, monkeypatch: pytest.MonkeyPatch):
    """With the same outcome."""
    from agent.pitr import replay as room

    monkeypatch.setattr(room, "PART", 10_000)
    whole = night.replayed()
    assert whole.undone == 298
    assert night.spare.client().shop.a.find_one({"_id": "new"}) == {"_id": "new", "n": 2}


def test_a_collision_in_between_is_tried_again(mongo_server: MongoServer):
    """A unique value goes from one document to another, and is asked for before it is free."""
    import bson

    client = mongo_server.client()
    client.drop_database("test_rewrite")
    a = client.test_rewrite.a
    a.create_index("u", unique=True)
    a.insert_many([{"_id": 1, "u": "x"}])

    def key(n: int) -> tuple[str, bytes]:
        return "test_rewrite.a", b"\x10_id\0" + n.to_bytes(4, "little")

    was = bson.encode({"_id": 1, "u": "x"})
    done = rewrite(
        client,
        [
            Rewrite(key(2), None, bson.encode({"_id": 2, "u": "x"})),
            Rewrite(key(1), was, bson.encode({"_id": 1, "u": "y"})),
        ],
    )
    assert (done.applied, done.refused) == (2, {})
    assert {each["_id"]: each["u"] for each in a.find()} == {1: "y", 2: "x"}


def test_behind_the_newest_moment_there_is_nothing_to_bring(night: Night):
    """A lost server is restored to its newest moment; a page that replays after it does no harm."""
    restored = restore(night.store, "latest", night.spare.uri, ("shop",), "newest", 1)
    done = replay(night.store, restored.at, night.spare.uri, None, 1)
    assert (done.applied, done.undone, done.conflict_count) == (0, 0, 0)
    assert night.spare.client().shop.a.count_documents({}) == restored.counts["shop.a"]
