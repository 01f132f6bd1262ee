"""What two definitions of an index have in common, whoever wrote them."""

import pytest

from agent.errors import BadInventory
from agent.pitr.index_specs import Definition, definitions

MEANT = {"name": "roomId_createdAt", "key": {"roomId": 1, "createdAt": -1}}


def definition(**more: object) -> Definition:
    """Return an index of messages."""
    return Definition.of("chatdb.messages", {**MEANT, **more})


@pytest.mark.parametrize(
    "more",
    [
        {"v": 2, "ns": "chatdb.messages", "background": True},
        {"key": {"roomId": 1.0, "createdAt": -1.0}},
        {"unique": False, "sparse": False, "hidden": False},
    ],
)
def test_what_says_nothing_is_no_difference(more: dict[str, object]) -> None:
    """Versions, floats of a shell and flags that are off are how the same index is written elsewhere."""
    assert definition().differences(definition(**more)) == ()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"key": {"createdAt": -1, "roomId": 1}}, "its keys are {createdAt: -1, roomId: 1}"),
        ({"key": {"roomId": 1}}, "its keys are {roomId: 1}, not {roomId: 1, createdAt: -1}"),
        ({"unique": True}, "unique is True instead of not set"),
        ({"partialFilterExpression": {"a": 1}}, "partialFilterExpression is {'a': 1} instead of not set"),
    ],
)
def test_each_difference_is_named(more: dict[str, object], said: str) -> None:
    """Keys in another order, a missing key, another option."""
    (found,) = definition().differences(definition(**more))
    assert said in found


def test_a_collation_is_compared_by_what_was_declared() -> None:
    """A server fills in what a collation leaves open; what was said must be so."""
    meant = definition(collation={"locale": "ko"})
    assert not meant.differences(definition(collation={"locale": "ko", "strength": 3}))
    assert meant.differences(definition(collation={"locale": "en", "strength": 3}))


def test_what_stands_in_has_the_keys_first() -> None:
    """It answers the same queries, is not unique, and has `_id` behind, as no two may have the same keys."""
    there = definition(unique=True, sparse=True).stand_in()
    assert there.name == "roomId_createdAt_drillyard"
    assert there.keys == (("roomId", 1), ("createdAt", -1), ("_id", 1))
    assert there.options == {"sparse": True}


@pytest.mark.parametrize("key", [{"text": "text"}, {"at": "2dsphere"}, {"$**": 1}, {"a": "hashed"}])
def test_what_cannot_be_scanned_is_told_apart(key: dict[str, object]) -> None:
    """Nothing can stand in for an index of a special kind, and it cannot be counted."""
    assert not definition(key=key).ordered
    assert definition().ordered


def test_the_index_on_id_is_nobodys_to_declare() -> None:
    """It is left out; one without keys is refused by name."""
    assert list(definitions({"a.b": [{"name": "_id_", "key": {"_id": 1}}]})) == []
    with pytest.raises(BadInventory, match=r"index of a\.b"):
        list(definitions({"a.b": [{"name": "x"}]}))
