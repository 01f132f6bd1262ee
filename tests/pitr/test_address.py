"""A connection string moved to the spare: same user, database and options; other servers, never shown."""

from __future__ import annotations

import pytest

from agent.errors import BadInventory
from agent.pitr.address import moved, shown

SRV = "mongodb+srv://chat-dr.ab1cd.mongodb.net"
STANDARD = "mongodb://a.x.net:27017,b.x.net:27017/?ssl=true&authSource=admin&replicaSet=atlas-q-shard-0"


@pytest.mark.parametrize(
    ("present", "to", "expected"),
    [
        (
            "mongodb+srv://chat:p%40ss@chat.ab1cd.mongodb.net/chatdb?retryWrites=true&w=majority",
            SRV,
            "mongodb+srv://chat:p%40ss@chat-dr.ab1cd.mongodb.net/chatdb?retryWrites=true&w=majority",
        ),
        (
            "mongodb://u:p@m1:27017,m2:27017/chatdb?replicaSet=rs0&authSource=admin&readPreference=nearest",
            SRV,
            "mongodb+srv://u:p@chat-dr.ab1cd.mongodb.net/chatdb?authSource=admin&readPreference=nearest",
        ),
        (
            "mongodb+srv://u:p@chat.ab1cd.mongodb.net/chatdb?w=majority",
            STANDARD,
            "mongodb://u:p@a.x.net:27017,b.x.net:27017/chatdb?w=majority&" + STANDARD.partition("?")[2],
        ),
        ("mongodb://127.0.0.1:1/?directConnection=true", SRV, "mongodb+srv://chat-dr.ab1cd.mongodb.net/"),
    ],
)
def test_a_string_is_moved(present: str, to: str, expected: str) -> None:
    """What belongs to the old servers stays behind, what belongs to the client goes along."""
    assert moved(present, to) == expected


@pytest.mark.parametrize("bad", ["", "postgres://u:hunter2hunter2@x/", "u:hunter2hunter2@host"])
def test_what_is_no_connection_string_is_not_shown(bad: str) -> None:
    """It may hold a password all the same."""
    with pytest.raises(BadInventory, match="Expected a connection string") as refused:
        moved(bad, SRV)
    assert "hunter2" not in str(refused.value)


def test_for_sentences_there_is_one_without_the_login() -> None:
    """User, password and options are left out."""
    assert shown("mongodb+srv://u:secret@h.net/db?authSource=x") == "mongodb+srv://h.net/db"
