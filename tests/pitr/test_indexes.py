"""Indexes that are gone, wrong or at odds with their data: found, built again beside writes, and proved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ProofFailed
from agent.pitr.index_look import listed, look
from agent.pitr.index_proof import prove
from agent.pitr.index_rebuild import rebuild
from tests.mongo_standin import MongoServer

SPECS: dict[str, list[dict[str, Any]]] = {
    "messages": [{"name": "roomId_createdAt", "key": {"roomId": 1, "createdAt": -1}}],
    "users": [
        {"name": "email", "key": {"email": 1}, "unique": True},
        {"name": "nick", "key": {"nick": 1}, "sparse": True},
        {"name": "old", "key": {"age": 1}, "partialFilterExpression": {"age": {"$gt": 50}}},
    ],
    "rooms": [{"name": "members", "key": {"members": 1}}],
}


@pytest.fixture
def chat(mongo_server: MongoServer, request: pytest.FixtureRequest) -> Any:
    """A database of its own with messages, users and rooms, and every index as declared."""
    client = mongo_server.client()
    name = f"t{abs(hash(request.node.name)) % 10**9}"
    database = client[name]
    database.messages.insert_many(
        [{"_id": n, "roomId": f"r{n % 7}", "createdAt": n, "text": "x"} for n in range(600)]
    )
    users = [
        {"_id": n, "email": f"{n}@x", "age": n} | ({"nick": f"n{n}"} if n % 2 else {}) for n in range(90)
    ]
    database.users.insert_many(users)
    database.rooms.insert_many([{"_id": n, "members": [n, n + 1, n + 2]} for n in range(40)])
    for collection, specs in SPECS.items():
        database.command("createIndexes", collection, indexes=specs)
    yield database
    client.drop_database(name)
    client.close()


def declared(chat: Any) -> dict[str, list[dict[str, Any]]]:
    """What is declared of that database."""
    return {f"{chat.name}.{collection}": specs for collection, specs in SPECS.items()}


def states(chat: Any) -> dict[str, str]:
    """Return how each index of that database is."""
    return {each.name: each.state for each in look(chat.client, declared(chat)).findings}


def connect(chat: Any) -> Callable[[], Any]:
    """Return how the rebuild gets connections."""
    return lambda: chat.client


def test_a_sound_database_is_sound(chat: Any) -> None:
    """Every kind of index is counted right: plain, unique, sparse, partial, and on arrays."""
    report = look(chat.client, declared(chat))
    assert report.sound
    assert {each.state for each in report.findings} == {"sound"}
    entries = {each.name: each.entries for each in report.findings}
    assert entries == {"roomId_createdAt": 600, "email": 90, "nick": 45, "old": 39, "members": 40}


def test_what_is_there_can_be_declared(chat: Any) -> None:
    """The indexes as listed are sound by that very list, and those on `_id` are not in it."""
    own = {place: specs for place, specs in listed(chat.client).items() if place.startswith(f"{chat.name}.")}
    assert sorted(len(specs) for specs in own.values()) == [1, 1, 3]
    assert look(chat.client, own).sound


def test_each_fault_is_named(chat: Any) -> None:
    """Dropped, other keys, not unique, and one that nobody declared."""
    chat.messages.drop_index("roomId_createdAt")
    chat.rooms.drop_index("members")
    chat.rooms.create_index([("name", 1)], name="members")
    chat.users.drop_index("email")
    chat.users.create_index("email", name="email")
    chat.users.create_index("extra", name="extra")
    assert states(chat) == {
        "roomId_createdAt": "missing",
        "members": "wrong",
        "email": "wrong",
        "nick": "sound",
        "old": "sound",
        "extra": "extra",
    }
    report = look(chat.client, declared(chat))
    assert f"{chat.name}.users.email: wrong (unique is not set instead of True)" in report.broken
    assert report.extra == (f"{chat.name}.users.extra",)


def test_they_are_built_again(chat: Any) -> None:
    """Each becomes what was declared; where one had to go first another stood in, and is gone after."""
    chat.messages.drop_index("roomId_createdAt")
    chat.users.drop_index("email")
    chat.users.create_index("email", name="email")
    done = rebuild(connect(chat), declared(chat))
    by_name = {each.name: each for each in done.indexes}
    assert by_name["roomId_createdAt"].stood_in == ""
    assert by_name["roomId_createdAt"].before.index == ""
    assert by_name["roomId_createdAt"].after.index == "roomId_createdAt"
    assert by_name["email"].stood_in == "email_drillyard"
    assert set(states(chat).values()) == {"sound"}
    assert len(prove(chat.client, declared(chat)).claims) == 5
    assert rebuild(connect(chat), declared(chat)).indexes == ()


def test_values_that_are_not_unique_are_reported_and_kept(chat: Any) -> None:
    """The unique index is not built, what was there stays, and the proof names the documents."""
    chat.users.drop_index("email")
    chat.users.create_index("email", name="email")
    chat.users.insert_one({"_id": 1000, "email": "7@x", "age": 1})
    done = rebuild(connect(chat), declared(chat))
    assert done.refused == (f"{chat.name}.users.email",)
    (doubled,) = done.duplicates
    assert (doubled.values, doubled.count, sorted(doubled.ids)) == ({"email": "7@x"}, 2, ["1000", "7"])
    assert chat.users.count_documents({}) == 91
    assert [spec["name"] for spec in chat.users.list_indexes() if spec["name"].startswith("email")] == [
        "email"
    ]
    with pytest.raises(ProofFailed, match=r"found 2 documents with email = 7@x"):
        prove(chat.client, declared(chat))


@pytest.mark.parametrize(
    ("there", "declared_as", "built"),
    [(86_400, 3600, False), (None, 3600, False), (3600, 86_400, True), (86_400, 80_000, True)],
    ids=["shorter", "new", "longer", "shorter, and nothing is due"],
)
def test_a_declared_time_to_live_deletes_nothing(
    chat: Any, there: int | None, declared_as: int, built: bool
) -> None:
    """A declaration may be older than what is there: a recovery shortens nobody's life."""
    ages = (60, 7_200, 40_000)
    now = datetime.now(UTC)
    chat.sessions.insert_many([{"_id": age, "seen": now - timedelta(seconds=age)} for age in ages])
    options = {} if there is None else {"expireAfterSeconds": there}
    chat.sessions.create_index("seen", name="seen", **options)
    index = {"name": "seen", "key": {"seen": 1}, "expireAfterSeconds": declared_as}
    meant = {f"{chat.name}.sessions": [index]}
    done = rebuild(connect(chat), meant)
    assert [each.name for each in done.indexes] == ["seen"] * built
    assert done.deleting == () if built else (f"{chat.name}.sessions.seen",)
    left = chat.sessions.index_information()["seen"].get("expireAfterSeconds")
    assert left == (declared_as if built else there)
    assert look(chat.client, meant).sound is built
    chat.sessions.drop_index("seen")
    # One that is gone comes back as it was declared.
    assert [each.name for each in rebuild(connect(chat), meant).indexes] == ["seen"]


def test_a_rebuild_that_was_cut_off_goes_on(chat: Any) -> None:
    """What stood in is there and the index is not: it is built, and what stood in is removed."""
    chat.messages.drop_index("roomId_createdAt")
    chat.messages.create_index(
        [("roomId", 1), ("createdAt", -1), ("_id", 1)], name="roomId_createdAt_drillyard"
    )
    assert states(chat)["roomId_createdAt_drillyard"] == "left"
    rebuild(connect(chat), declared(chat))
    assert set(states(chat).values()) == {"sound"}
    chat.messages.create_index([("roomId", 1), ("_id", 1)], name="roomId_createdAt_drillyard")
    assert rebuild(connect(chat), declared(chat)).removed == (
        f"{chat.name}.messages.roomId_createdAt_drillyard",
    )


def test_an_undeclared_index_is_no_proof(chat: Any) -> None:
    """A query that a scan answers proves nothing, although every index that was declared is there."""
    meant = {f"{chat.name}.messages": [{"name": "hidden_one", "key": {"text": 1}}]}
    with pytest.raises(ProofFailed, match="missing"):
        prove(chat.client, meant)


def test_one_at_odds_with_its_data_is_found_and_mended(tmp_path: Path) -> None:
    """Entries are lost on disk: counting sees it, `validate` does not, and it agrees again once rebuilt."""
    server = MongoServer(tmp_path / "data")
    server.start()
    try:
        chat = server.client().chatdb
        chat.messages.insert_many([{"_id": n, "roomId": n % 7, "createdAt": n} for n in range(700)])
        chat.rooms.insert_many([{"_id": n, "members": [n, n + 100]} for n in range(60)])
        for collection in ("messages", "rooms"):
            chat.command("createIndexes", collection, indexes=SPECS[collection])
        meant = {f"chatdb.{name}": SPECS[name] for name in ("messages", "rooms")}
        assert look(chat.client, meant).sound
        server.stop()
        assert server.damage_index("chatdb.messages", "roomId_createdAt", 10) == 70
        assert server.damage_index("chatdb.rooms", "members", 2) > 0
        server.start()
        chat = server.client().chatdb
        report = look(chat.client, meant)
        assert {each.name: each.state for each in report.findings} == {
            "roomId_createdAt": "disagrees",
            "members": "disagrees",
        }
        assert report.lies == ("chatdb.messages", "chatdb.rooms")
        assert len(rebuild(server.client, meant).indexes) == 2
        assert look(chat.client, meant).sound
        assert chat.messages.count_documents({"roomId": 3}) == 100
    finally:
        server.kill()
