"""`python -m agent.pitr` about indexes: declared into a file, held against it, built again, proved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Decimal128, Int64, ObjectId

from agent.errors import BadInventory, NotFound
from agent.pitr.index_programs import declared_in
from tests.mongo_standin import MongoServer

INDEX = {"name": "room", "key": {"room": 1}}


@pytest.fixture
def file(mongo_server: MongoServer, tmp_path: Path) -> Any:
    """A file of the declared indexes of a database with one index, as the program wrote it."""
    client = mongo_server.client()
    client.talk.messages.insert_many([{"room": n % 5} for n in range(50)])
    client.talk.command("createIndexes", "messages", indexes=[INDEX])
    path = tmp_path / "indexes.json"
    path.write_text(asked(mongo_server, "declare-indexes", tmp_path)["text"])
    yield path
    client.drop_database("talk")
    client.close()


def asked(server: MongoServer, verb: str, store: Path, code: int = 0, **spec: Any) -> dict[str, Any]:
    """Run the program as an action does, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "agent.pitr", verb],
        input=json.dumps({"store": str(store), **spec}).encode(),
        env={**os.environ, "DRILLYARD_MONGODB_URI": server.uri},
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done.stderr.decode()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


FILTERS: dict[str, Any] = {
    "date": {"at": {"$gt": datetime(2026, 1, 4)}},
    "id": {"owner": ObjectId("65a000000000000000000001")},
    "decimal": {"price": {"$gte": Decimal128("9.50")}},
    "long": {"n": {"$lt": Int64(1 << 40)}},
    "kind": {"at": {"$type": "date"}, "gone": False},
}


@pytest.mark.parametrize("filter_", FILTERS.values(), ids=FILTERS.keys())
def test_a_partial_index_is_declared_as_it_is(mongo_server: MongoServer, tmp_path: Path, filter_: Any):
    """What it compares with stays what it is: the right one is not taken for wrong, and is built as such."""
    file, told = tmp_path / "indexes.json", {"indexes": str(tmp_path / "indexes.json")}
    with mongo_server.client() as client:
        place = client.partial.a
        place.insert_many([{"at": datetime(2026, 1, n + 1), "n": n, "gone": False} for n in range(9)])
        place.create_index("n", name="part", partialFilterExpression=filter_)
        file.write_text(asked(mongo_server, "declare-indexes", tmp_path)["text"])
        assert asked(mongo_server, "look-at-indexes", tmp_path, **told)["sound"]
        place.drop_index("part")
        asked(mongo_server, "rebuild-indexes", tmp_path, **told)
        assert place.index_information()["part"]["partialFilterExpression"] == filter_
        client.drop_database("partial")


def test_a_date_that_was_declared_as_text_is_not_built_over(mongo_server: MongoServer, tmp_path: Path):
    """So files of before have it: the index that is there is the one that was meant."""
    file = tmp_path / "indexes.json"
    with mongo_server.client() as client:
        client.partial.a.create_index("n", name="part", partialFilterExpression=FILTERS["date"])
        meant = {"at": {"$gt": "2026-01-04 00:00:00"}}
        index = {"v": 2, "key": {"n": 1}, "name": "part", "partialFilterExpression": meant}
        file.write_text(json.dumps({"partial.a": [index]}))
        assert asked(mongo_server, "look-at-indexes", tmp_path, indexes=str(file))["sound"]
        meant["at"]["$gt"] = "2026-01-05 00:00:00"
        file.write_text(json.dumps({"partial.a": [index]}))
        assert not asked(mongo_server, "look-at-indexes", tmp_path, indexes=str(file))["sound"]
        client.drop_database("partial")


def test_from_the_file_to_the_proof(mongo_server: MongoServer, file: Path, tmp_path: Path):
    """Sound; then dropped and named; built again; proved. Before it was built there was no proof."""
    told = {"indexes": str(file)}
    assert asked(mongo_server, "look-at-indexes", tmp_path, **told)["sound"]
    with mongo_server.client() as client:
        client.talk.messages.drop_index("room")
    report = asked(mongo_server, "look-at-indexes", tmp_path, **told)
    assert [each for each in report["broken"] if each.startswith("talk.messages.room: missing")]
    refused = asked(mongo_server, "prove-indexes", tmp_path, code=13, **told)
    assert "room" in refused["sentence"]
    built = asked(mongo_server, "rebuild-indexes", tmp_path, **told)
    assert [each["name"] for each in built["indexes"]] == ["room"]
    assert asked(mongo_server, "prove-indexes", tmp_path, **told)["claims"]


def test_what_is_no_declaration_is_refused(tmp_path: Path):
    """No file named, none there, none that can be read: each with what to do."""
    broken = tmp_path / "broken.json"
    broken.write_text('{"chat.messages": 1}')
    with pytest.raises(NotFound, match="to name the file"):
        declared_in("")
    with pytest.raises(NotFound, match="declared indexes in"):
        declared_in(str(tmp_path / "none.json"))
    with pytest.raises(BadInventory, match="by collection"):
        declared_in(str(broken))
