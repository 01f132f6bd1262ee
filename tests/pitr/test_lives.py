"""Which collections there are at a moment: renamed, dropped, made again, with options and indexes."""

import json
from typing import Any

from bson import Timestamp

from agent.pitr.catalog import Entry, as_json
from agent.pitr.lives import Life, Lives
from agent.pitr.log import CATALOG, Change
from tests.pitr.history import event

BASE = (
    Entry("shop", "a", indexes=({"v": 2, "key": {"x": 1}, "name": "x_1", "unique": True},)),
    Entry("shop", "b"),
)


def change(kind: str, ns: str = "shop.a", **said: Any) -> Change:
    """Return a change as the log gives it."""
    made = event((1, 1), kind, ns=ns, **said)
    db, _, name = ns.partition(".")
    return Change(Timestamp(1, 1), kind, db, name, made)


def catalog(ns: str, *entries: Entry) -> Change:
    """Return a catalog as it is noted after a change."""
    said = json.dumps([as_json(vars(entry)) for entry in entries])
    return change(CATALOG, ns, entries=said)


def told(*changes: Change) -> Lives:
    """Return the lives of the base after these."""
    lives = Lives(BASE)
    for each in changes:
        lives.learn(each) if each.kind == CATALOG else lives.heed(each)
    return lives


def living(lives: Lives) -> dict[str, Life]:
    """Return the living by their names."""
    return {life.namespace: life for life in lives.living}


def test_a_name_can_be_taken_again():
    """Dropped and made anew, it is another collection; what it was is not restored."""
    lives = told(change("drop"))
    assert set(living(lives)) == {"shop.b"}
    again = lives.of("shop", "a")
    assert again.source == ""
    assert not again.indexes


def test_a_renamed_collection_keeps_its_documents_and_indexes():
    """Over another one too, which ends; later indexes are the new name's."""
    lives = told(
        change("rename", to={"db": "shop", "coll": "b"}),
        change("dropIndexes", "shop.b", operationDescription={"indexes": [{"name": "x_1"}]}),
    )
    assert set(living(lives)) == {"shop.b"}
    assert living(lives)["shop.b"].source == "shop.a"
    assert not living(lives)["shop.b"].indexes


def test_a_dropped_database_ends_all_of_it():
    """And nothing of another."""
    lives = told(change("create", "other.c", operationDescription={}), change("dropDatabase", "shop"))
    assert set(living(lives)) == {"other.c"}


def test_options_come_with_the_creation():
    """Also a view's definition, and a time series."""
    lives = told(
        change("create", "shop.c", operationDescription={"capped": True, "size": 4096, "idIndex": {}}),
        change("create", "shop.v", nsType="view", operationDescription={"viewOn": "a", "pipeline": []}),
        change("create", "shop.t", nsType="timeseries", operationDescription={"timeseries": {}}),
    )
    found = living(lives)
    assert found["shop.c"].options == {"capped": True, "size": 4096}
    assert (found["shop.v"].kind, found["shop.t"].kind) == ("view", "timeseries")


def test_what_an_event_leaves_out_a_catalog_tells():
    """A server that names only keys and name of an index: the catalog noted after it has the options."""
    bare = {"v": 2, "key": {"y": 1}, "name": "y_1"}
    made = change("createIndexes", operationDescription={"indexes": [bare]})
    lives = told(made)
    assert lives.wants
    assert lives.unsure == ("shop.a index y_1",)
    lives.learn(catalog("shop.a", Entry("shop", "a", indexes=({**bare, "unique": True},))))
    assert living(lives)["shop.a"].indexes["y_1"]["unique"] is True
    assert not lives.unsure


def test_a_later_index_of_the_same_name_explains_nothing():
    """Dropped and built otherwise before the catalog was read: what it was stays unknown, and is said."""
    bare = {"v": 2, "key": {"y": 1}, "name": "y_1"}
    lives = told(change("createIndexes", operationDescription={"indexes": [bare]}))
    lives.behind(change("dropIndexes", operationDescription={"indexes": [{"name": "y_1"}]}))
    lives.behind(catalog("shop.a", Entry("shop", "a", indexes=({**bare, "unique": True},))))
    assert "unique" not in living(lives)["shop.a"].indexes["y_1"]
    assert lives.unsure == ("shop.a index y_1",)


def test_an_event_that_says_all_needs_no_catalog():
    """As mongod's does."""
    whole = {"v": 2, "key": {"y": 1}, "name": "y_1", "unique": True}
    lives = told(change("createIndexes", operationDescription={"indexes": [whole]}))
    assert not lives.wants


def test_changed_options_are_taken_over():
    """collMod, as far as the event says it and then as the catalog does."""
    lives = told(change("modify", operationDescription={"validationLevel": "off"}))
    assert living(lives)["shop.a"].options == {"validationLevel": "off"}
    lives.learn(catalog("shop.a", Entry("shop", "a", options={"validationLevel": "off", "x": 1})))
    assert living(lives)["shop.a"].options == {"validationLevel": "off", "x": 1}
