"""The search finds mass deletes, updates and drops amid what is written otherwise, and where each begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import bson
import pytest
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from agent.errors import MomentUnreachable
from agent.pitr import instant
from agent.pitr.damage import find_damage
from agent.pitr.later import Bad
from agent.pitr.log import Change, changes
from agent.pitr.store import Store
from tests.pitr.history import counted, delete, empty_base, event, insert, sealed, update

START = 1_000


class Log:
    """Changes at moments of a clock, in milliseconds."""

    def __init__(self) -> None:
        self.said: list[tuple[float, int, Any]] = []

    def at(self, second: float, made: Any, *args: Any, **fields: Any) -> None:
        """Have one made at a second."""
        self.said.append((second, len(self.said), (made, args, fields)))

    def into(self, folder: Path) -> Store:
        """Seal all of it."""
        events = []
        ordered = sorted(self.said, key=lambda each: each[:2])
        for inc, (second, _, (made, args, fields)) in enumerate(ordered, 1):
            raw = made((START + int(second), inc), *args, **fields)
            wall = datetime.fromtimestamp(START, UTC) + timedelta(seconds=second)
            events.append(RawBSONDocument(bson.encode({**bson.decode(raw.raw), "wallTime": wall})))
        store = Store(folder)
        timeline = store.begin("server", "a test")
        sealed(timeline, events)
        empty_base(timeline, (START - 2, 1), (START - 1, 1))
        return store


def usual(log: Log, seconds: int = 60, rate: int = 20) -> None:
    """Write as an application does: inserts, updates, now and then a delete."""
    r = Random(4)
    for n in range(seconds * rate):
        log.at(r.random() * seconds, insert, f"new{n}", v=n)
        log.at(r.random() * seconds, update, r.randrange(500), seen=n)
        if n % 10 == 0:
            log.at(r.random() * seconds, delete, f"gone{n}")


ALL = (Timestamp(0, 0), None)


def test_nothing_is_found_where_nothing_is(tmp_path: Path):
    """Usual traffic, also a lot of it, is no damage."""
    log = Log()
    usual(log, rate=100)
    damage = find_damage(log.into(tmp_path), "", "", 100)
    assert not damage.found
    assert damage.events == 60 * 100 * 2 + 600


@pytest.mark.parametrize("stall", [0.0, 0.2])
def test_a_wrong_delete_and_update_are_found_where_they_begin(tmp_path: Path, stall: float):
    """Both, with counts and their exact first and last moment, though the first one stalls at once."""
    log = Log()
    usual(log)
    for n in range(400):
        log.at(30 + n * 0.001 + (stall if n > 2 else 0), delete, n)
    for n in range(400):
        log.at(31 + n * 0.0004, update, n, "shop.b", v="oops")
    store = log.into(tmp_path)
    damage = find_damage(store, "", "", 100)
    kinds = {(each.kind, each.namespace): each for each in damage.candidates}
    assert set(kinds) == {("delete", "shop.a"), ("update", "shop.b")}
    deleted, updated = kinds["delete", "shop.a"], kinds["update", "shop.b"]
    assert 400 <= deleted.documents <= 410
    assert (updated.documents, updated.events, updated.fields) == (400, 400, ("v",))
    assert updated.sample[0] == 'update _id 0, v = "oops"'
    assert updated.same
    assert not deleted.same
    assert set(damage.chosen) == {deleted.id, updated.id}
    events = list(changes(store.timelines()[0], *ALL))
    deletes = [each for each in events if each.kind == "delete"]
    bad = [each.at for each in deletes if isinstance(each.event["documentKey"]["_id"], int)]
    assert instant.read(deleted.first) <= bad[0]
    assert instant.read(deleted.last) >= bad[-1]
    assert instant.read(updated.first) == next(each.at for each in events if each.name == "b")


def test_damage_of_a_busy_kind_is_told_from_it(tmp_path: Path):
    """Fifty updates of the same field a second are usual; a thousand at once are not."""
    log = Log()
    usual(log, rate=50)
    for n in range(1000):
        log.at(40 + n * 0.0003, update, n, seen=0)
    (found,) = find_damage(log.into(tmp_path), "", "", 100).candidates
    assert found.fields == ("seen",)
    assert found.documents == 1000


def test_an_earlier_change_of_the_same_field_is_not_the_damage(tmp_path: Path):
    """Half a second before, to another value: the moment is behind it."""
    log = Log()
    log.at(29.5, update, 7, v="meant")
    for n in range(400):
        log.at(30 + n * 0.001, update, n, v="oops")
    store = log.into(tmp_path)
    (found,) = find_damage(store, "", "", 100).candidates
    events = list(changes(store.timelines()[0], *ALL))
    assert instant.read(found.first) == events[1].at
    assert found.documents == 400


def test_what_is_gone_as_a_whole_comes_first(tmp_path: Path):
    """A dropped database before a dropped collection before a mass delete; a rename is not chosen."""
    log = Log()
    for n in range(200):
        log.at(30 + n * 0.001, delete, n)
    log.at(32, event, "drop", ns="shop.b")
    log.at(33, event, "dropDatabase", ns="users")
    log.at(34, event, "rename", ns="shop.c", to={"db": "shop", "coll": "d"})
    damage = find_damage(log.into(tmp_path), "", "", 100)
    assert [each.kind for each in damage.candidates] == ["dropDatabase", "drop", "delete", "rename"]
    assert len(damage.chosen) == 3


def test_only_the_time_asked_for_is_searched(tmp_path: Path):
    """From and until are both inclusive; far apart bursts are not chosen together."""
    log = Log()
    for minute in (1, 30):
        for n in range(300 + minute):
            log.at(minute * 60 + n * 0.001, delete, n)
    store = log.into(tmp_path)
    both = find_damage(store, "", "", 100)
    assert [each.documents for each in both.candidates] == [330, 301]
    assert both.chosen == (both.candidates[0].id,)
    early = find_damage(store, "", f"{START + 600},0", 100)
    assert [each.documents for each in early.candidates] == [301]
    late = find_damage(store, both.candidates[0].first, "", 100)
    assert [each.documents for each in late.candidates] == [330]


def test_no_history_is_an_error(tmp_path: Path):
    """Nothing captured, or nothing as early as that."""
    with pytest.raises(MomentUnreachable):
        find_damage(Store(tmp_path / "none"), "", "", 100)
    log = Log()
    usual(log, seconds=5)
    store = log.into(tmp_path)
    with pytest.raises(MomentUnreachable):
        find_damage(store, "", "5,0", 100)


def test_what_was_removed_before_the_oldest_base_is_no_hole(tmp_path: Path):
    """An hour is searched though the log begins within it, its first segment being needed no longer."""
    timeline = counted(tmp_path, segments=3, each=40)
    empty_base(timeline, (150, 0), (151, 1))
    first = timeline.segments()[0]
    for path in (first.path, first.path.with_suffix(".json")):
        path.unlink()
    damage = find_damage(Store(tmp_path), "", "", 100)
    assert damage.since == "140,1"
    assert damage.events == 79


def test_damage_that_was_at_work_when_it_was_looked_for_is_known_whole(tmp_path: Path):
    """Searched again once nobody writes: what it did since belongs to it, so does the same query again."""
    log = Log()
    usual(log, seconds=400, rate=4)
    for n in range(6000):
        log.at(100 + n * 0.005, delete, f"old{n}")
    for n in range(400):
        log.at(300 + n * 0.001, delete, f"again{n}")
    store = log.into(tmp_path)
    known = find_damage(store, "", f"{START + 115},1", 100)
    (before,) = (each for each in known.candidates if each.id in known.chosen)
    whole = known.gone_on(find_damage(store, "", "", 100))
    chosen = [each for each in whole.candidates if each.id in whole.chosen]
    assert before.documents < 4000
    assert sum(each.documents for each in chosen) >= 6400
    assert Bad(whole).has(only(store, "again399"))
    assert not Bad(known).has(only(store, "old5999"))
    assert Bad(whole).has(only(store, "old5999"))
    assert not Bad(whole).has(only(store, "gone0"))


def only(store: Store, key: str) -> Change:
    """The delete of that document."""
    (found,) = (
        each
        for each in changes(store.timelines()[0], *ALL)
        if each.kind == "delete" and each.event["documentKey"]["_id"] == key
    )
    return found
