"""A sweep of a TTL index is no wrong query, and does not hide a smaller one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bson
import pytest
import zstandard
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from agent.pitr import instant
from agent.pitr.catalog import Entry, as_json
from agent.pitr.damage import find_damage
from agent.pitr.manifest import Frame, Heap, Manifest
from agent.pitr.recorder import Recorder
from agent.pitr.store import Store, Timeline
from agent.systems.mongodb import find_damage as find_damage_of
from tests.mongo_standin import MongoServer
from tests.pitr.captured_host import CapturedHost
from tests.pitr.history import delete, event, insert, update

START = 100_000
TTL = 600
SESSIONS = "shop.sessions"
INDEX = {"v": 2, "key": {"seen": 1}, "name": "seen_1", "expireAfterSeconds": TTL}


def when(second: float) -> datetime:
    """A moment of the test's clock."""
    return datetime.fromtimestamp(START, UTC) + timedelta(seconds=second)


def at(second: float, inc: int, made: Any, *args: Any, **more: Any) -> RawBSONDocument:
    """An event of that second, with the server's time."""
    raw = made((START + int(second), inc), *args, **more)
    return RawBSONDocument(bson.encode({**bson.decode(raw.raw), "wallTime": when(second)}))


def begun(folder: Path, index: dict[str, Any] | None, docs: list[dict[str, Any]]) -> tuple[Store, Timeline]:
    """A store with a base that holds these sessions, and perhaps a TTL index."""
    store = Store(folder)
    timeline = store.begin("server", "a test")
    based(timeline, index, docs)
    return store, timeline


def based(timeline: Timeline, index: dict[str, Any] | None, docs: list[dict[str, Any]]) -> None:
    """Give a timeline such a base."""
    place = timeline.base / "b1"
    place.mkdir(parents=True)
    raw = b"".join(map(bson.encode, docs))
    stored = zstandard.ZstdCompressor().compress(raw)
    (place / "sessions.zst").write_bytes(stored)
    frame = Frame(0, len(stored), len(docs), len(raw))
    sum_ = hashlib.sha256(stored).hexdigest()
    heap = Heap(SESSIONS, "sessions.zst", sum_, len(docs), len(raw), len(stored), (frame,))
    entry = Entry("shop", "sessions", indexes=(index,) if index else ())
    Manifest(
        *("b1", timeline.id, instant.show(Timestamp(START, 1)), instant.show(Timestamp(START + 1, 1))),
        *(instant.utc(Timestamp(START, 1)), 0.1, "8.0"),
        heaps=(heap,),
        catalog=[as_json(asdict(entry))],
        folder=str(place),
    ).write(place)


def seal(timeline: Timeline, events: list[RawBSONDocument], each: int = 400) -> None:
    """Seal events in their order, in several segments."""
    recorder = Recorder(timeline)
    for n, each_event in enumerate(sorted(events, key=lambda said: said["clusterTime"])):
        recorder.add(each_event)
        if n % each == each - 1:
            recorder.settle({"_data": "x"})
            recorder.seal()
    recorder.settle({"_data": "x"})
    recorder.seal()


def indexes(second: float, inc: int, kind: str, index: dict[str, Any]) -> RawBSONDocument:
    """The event of an index that is made or dropped."""
    return at(second, inc, event, kind, index["name"], SESSIONS, operationDescription={"indexes": [index]})


def history(index: dict[str, Any] | None, folder: Path, *, wrong: int = 0) -> Store:
    """Sessions of the base, of the log, and refreshed ones; a sweep every minute; perhaps a wrong query."""
    docs = [{"_id": n, "seen": when(n * 0.1 - TTL + 60)} for n in range(1200)]
    store, timeline = begun(folder, index, docs)
    events = [
        at(2 + n * 0.01, n, insert, f"in{n}", SESSIONS, seen=when(n * 0.1 - TTL + 60)) for n in range(600)
    ]
    # These were seen again: they are not due for long.
    events += [at(20 + n * 0.5, 2000 + n, update, 1000 + n, SESSIONS, seen=when(20 + n)) for n in range(200)]
    for n in range(1000):
        swept = 60 * (int(n * 0.1 / 60) + 1) + 60 + (n % 600) * 0.0005
        events.append(at(swept, 4000 + n, delete, n, SESSIONS))
        if n < 600:
            events.append(at(swept, 6000 + n, delete, f"in{n}", SESSIONS))
    events += [at(210 + n * 0.001, 8000 + n, delete, 1000 + n, SESSIONS) for n in range(wrong)]
    events.append(at(230, 9999, insert, "end", "shop.other"))
    seal(timeline, events)
    return store


def test_a_sweep_is_no_damage(tmp_path: Path):
    """What was due is left out, from base and log, and counted; without the index the same is damage."""
    found = find_damage(history(INDEX, tmp_path / "ttl"), "", "", 100)
    assert not found.found
    assert found.expired == {f"{SESSIONS} (seen)": 1600}
    plain = find_damage(history(None, tmp_path / "none"), "", "", 100)
    assert plain.found
    assert plain.expired == {}


def test_a_sweep_does_not_hide_a_smaller_wrong_query(tmp_path: Path):
    """Of the same collection, and of documents that were seen again since."""
    found = find_damage(history(INDEX, tmp_path, wrong=150), "", "", 100)
    (one,) = found.candidates
    assert (one.documents, one.first) == (150, f"{START + 210},8000")
    assert found.chosen == (one.id,)
    assert sum(found.expired.values()) == 1600


@pytest.mark.parametrize(
    "index",
    [
        {**INDEX, "expireAfterSeconds": 86_400},
        {**INDEX, "key": {"born": 1}},
        {**INDEX, "key": {"seen": 1, "v": 1}},
        {key: value for key, value in INDEX.items() if key != "expireAfterSeconds"},
    ],
    ids=["not due yet", "another field", "no TTL over two", "no TTL"],
)
def test_what_was_not_due_is_damage(tmp_path: Path, index: dict[str, Any]):
    """An index that did not ask for it is no excuse."""
    found = find_damage(history(index, tmp_path), "", "", 100)
    assert found.found
    assert not found.expired


def test_an_index_that_was_made_meanwhile_counts(tmp_path: Path):
    """The log notes how collections are after a change, with what the event itself leaves out."""
    store, timeline = begun(tmp_path, None, [{"_id": n, "up": {"seen": when(0)}} for n in range(300)])
    recorder = Recorder(timeline)
    dotted = {**INDEX, "key": {"up.seen": 1}, "expireAfterSeconds": 10}
    recorder.add(indexes(5, 1, "createIndexes", {key: dotted[key] for key in ("v", "key", "name")}))
    entry = as_json(asdict(Entry("shop", "sessions", indexes=(dotted,))))
    recorder.define("shop", "sessions", json.dumps([entry]))
    # One was given another date as a whole, another lost it.
    recorder.add(at(6, 1, update, 298, SESSIONS, up={"seen": when(600)}))
    recorder.add(at(6, 2, update, 299, SESSIONS, up=None))
    for n in range(300):
        recorder.add(at(60 + n * 0.001, 10 + n, delete, n, SESSIONS))
    recorder.settle({"_data": "x"})
    recorder.seal()
    found = find_damage(store, "", "", 100)
    assert found.expired == {f"{SESSIONS} (up.seen)": 298}
    assert not found.found


WIPED = 300
"""Seconds after the base at which 200 sessions that were due long ago are deleted at once."""


def wiped(folder: Path, had: bool, changed: list[RawBSONDocument]) -> Store:
    """A base of a while ago, with the TTL index or without; definitions changed since; then many deletes."""
    long_ago = [{"_id": n, "seen": when(-10 * TTL)} for n in range(200)]
    store, timeline = begun(folder, INDEX if had else None, long_ago)
    deletes = [at(WIPED + n * 0.001, 10 + n, delete, n, SESSIONS) for n in range(200)]
    seal(timeline, [*changed, *deletes, at(WIPED + 20, 1, insert, "end", "shop.other")], each=100)
    return store


MADE, DROPPED = "createIndexes", "dropIndexes"


@pytest.mark.parametrize(
    ("had", "then", "due"),
    [
        (False, [(100, MADE)], True),
        (False, [], False),
        (True, [], True),
        (True, [(100, DROPPED)], False),
        (False, [(100, MADE), (120, DROPPED)], False),
        (True, [(100, DROPPED), (120, MADE)], True),
        (False, [(WIPED + 10, MADE)], False),
        (True, [(WIPED + 10, DROPPED)], True),
    ],
    ids=[
        "made after the base",
        "never there",
        "there at the base",
        "dropped after the base",
        "made and dropped",
        "dropped and made",
        "made behind the deletes",
        "dropped behind the deletes",
    ],
)
@pytest.mark.parametrize("since", [WIPED - 60, 0], ids=["searched from later on", "searched whole"])
def test_an_index_excuses_deletes_while_it_is_there(
    tmp_path: Path, since: int, had: bool, then: list[tuple[int, str]], due: bool
):
    """It is younger than the base, or gone since: the log tells, also what of it lies before the search."""
    store = wiped(tmp_path, had, [indexes(second, 1, kind, INDEX) for second, kind in then])
    found = find_damage(store, instant.show(Timestamp(START + since, 0)) if since else "", "", 100)
    assert found.found is not due
    assert found.expired == ({f"{SESSIONS} (seen)": 200} if due else {})


def test_an_index_that_the_first_base_has_excuses_nothing_older(tmp_path: Path):
    """The log begins before its first base: what was deleted before the index was made was not due by it."""
    store = Store(tmp_path)
    timeline = store.begin("server", "a test")
    old = [{"_id": n, "seen": when(-10 * TTL)} for n in range(200)]
    events = [at(-100 + n * 0.001, n, insert, n, SESSIONS, seen=each["seen"]) for n, each in enumerate(old)]
    events += [at(-60 + n * 0.001, n, delete, n, SESSIONS) for n in range(200)]
    events += [indexes(-10, 1, MADE, INDEX), at(20, 1, insert, "end", "shop.other")]
    seal(timeline, events)
    based(timeline, INDEX, [])
    found = find_damage(store, "", "", 100)
    assert [each.kind for each in found.candidates] == ["delete"]
    assert not found.expired


@pytest.mark.parametrize("young", [False, True], ids=["older than the base", "younger"])
def test_a_server_says_which_indexes_let_documents_expire(
    servers: Callable[[], MongoServer], tmp_path: Path, young: bool
):
    """Captured from one: base or log know the index; its sweep is left out, a wrong query is found."""
    server, spare = servers(), servers()
    sessions = server.client().shop.sessions
    if not young:
        sessions.create_index([("seen", 1)], expireAfterSeconds=86_400)
    long_ago = datetime.now(UTC) - timedelta(days=2)
    sessions.insert_many([{"_id": n, "seen": long_ago} for n in range(200)])
    host = CapturedHost(tmp_path, server, spare)
    host.start()
    try:
        host.based()
        if young:
            sessions.create_index([("seen", 1)], expireAfterSeconds=86_400)
        sessions.insert_many([{"_id": n, "seen": long_ago} for n in range(200, 300)])
        sessions.insert_many([{"_id": n, "seen": datetime.now(UTC)} for n in range(300, 420)])
        sessions.delete_many({"_id": {"$lt": 300}})
        host.caught_up()
        swept = host.do(find_damage_of(host.mongodb))
        assert not swept.found
        # Where the server sweeps by itself it was quicker than we.
        assert swept.expired.get(f"{SESSIONS} (seen)", 0) in (300, 0)
        sessions.delete_many({})
        host.caught_up()
        (wrong,) = host.do(find_damage_of(host.mongodb)).candidates
        assert (wrong.kind, wrong.documents) == ("delete", 120)
    finally:
        host.close()
