"""Which moments can be restored: both ends, holes, the nearest others; and what is thrown away when."""

from dataclasses import replace
from pathlib import Path

import pytest
from bson import Timestamp

from agent.errors import BackupDamaged, MomentUnreachable, Refused, Usage
from agent.pitr import instant
from agent.pitr.manifest import Heap
from agent.pitr.prune import expired_bases, expired_segments, prune
from agent.pitr.reach import restore_points, way_to
from agent.pitr.store import Store, Timeline
from tests.pitr.history import counted, empty_base, insert, sealed


def test_from_the_first_base_to_the_last_change(tmp_path: Path):
    """Both inclusive; the newest base that leads there is taken."""
    timeline = counted(tmp_path)
    empty_base(timeline, (99, 1), (105, 1))
    empty_base(timeline, (111, 1), (118, 1))
    (stretch,) = restore_points(Store(tmp_path)).stretches
    assert (stretch.since, stretch.until, stretch.bases, stretch.segments) == ("105,1", "139,1", 2, 4)
    assert way_to(Store(tmp_path), "105,1").base.id == "b105"
    assert way_to(Store(tmp_path), "117,9").base.id == "b105"
    assert way_to(Store(tmp_path), "118,1").base.id == "b118"
    assert instant.show(way_to(Store(tmp_path), "latest").at) == "139,1"


@pytest.mark.parametrize(("at", "nearest"), [("104,9", "105,1"), ("139,2", "139,1"), ("1,0", "105,1")])
def test_a_moment_out_of_reach_names_the_nearest(tmp_path: Path, at: str, nearest: str):
    """Before the first base, after the last change."""
    empty_base(counted(tmp_path), (99, 1), (105, 1))
    with pytest.raises(MomentUnreachable, match=nearest):
        way_to(Store(tmp_path), at)


def test_the_latest_is_not_that_of_an_empty_server(tmp_path: Path):
    """A server that lost its disks came back without documents and was captured: its past is restored."""
    store = Store(tmp_path)
    empty_base(counted(tmp_path), (99, 1), (105, 1))
    beats = [insert((200 + n, 1), f"beat{n}", "dr_agent.heartbeat") for n in range(5)]
    after = sealed(store.begin("other", "another server"), beats)
    empty_base(after, (199, 1), (201, 1))
    way = way_to(store, "latest")
    assert (instant.show(way.at), way.timeline.id) == ("139,1", store.timelines()[0].id)
    assert way.warnings == (f"timeline {after.id} is newer and is of a server without documents",)
    assert way_to(store, "203,1").timeline.id == after.id
    # Once somebody uses it, it is the one that is meant.
    sealed(after, [insert((210, 1), "first")])
    assert way_to(store, "latest").timeline.id == after.id


def test_a_latest_that_holds_far_less_is_for_a_person_to_say(tmp_path: Path):
    """It came back empty and was used since: neither is chosen, both can be said. A restored one is meant."""
    store = Store(tmp_path)
    before = counted(tmp_path)
    full_base(before, (99, 1), (105, 1), documents=500)
    after = sealed(store.begin("other", "another server"), [insert((200 + n, 1), n) for n in range(7)])
    empty_base(after, (199, 1), (201, 1))
    with pytest.raises(Refused, match=f"{after.id}, holds about 7 documents.*{before.id}, held 500") as far:
        way_to(store, "latest")
    assert "--set at=139,1" in far.value.do
    assert "--set at=206,1" in far.value.do
    assert way_to(store, "139,1").timeline.id == before.id
    restored = store.begin("third", "a restore", parent=before.id, at="139,1")
    empty_base(sealed(restored, [insert((300, 1), 1)]), (299, 1), (300, 1))
    assert way_to(store, "latest").timeline.id == restored.id
    again = sealed(store.begin("fourth", "history lost"), [insert((400, 1), 1)])
    full_base(again, (399, 1), (400, 1), documents=400)
    assert way_to(store, "latest").timeline.id == again.id


def full_base(timeline: Timeline, start: tuple[int, int], end: tuple[int, int], documents: int) -> None:
    """Give a timeline a base that tells of so many documents."""
    made = empty_base(timeline, start, end)
    heap = Heap("shop.a", "a.zst", "", documents, 9, 9, ())
    replace(made, heaps=(heap,)).write(Path(made.folder))


def test_the_latest_of_nothing_but_empty_servers_is_the_newest(tmp_path: Path):
    """There is nothing else to be had."""
    store = Store(tmp_path)
    for second in (100, 200):
        timeline = sealed(store.begin("a", "b"), [insert((second, 1), 1, "dr_agent.heartbeat")])
        empty_base(timeline, (second - 1, 1), (second, 1))
    assert instant.show(way_to(store, "latest").at) == "200,1"


def test_nothing_captured_is_said(tmp_path: Path):
    """No store, no base, and what is no moment."""
    with pytest.raises(MomentUnreachable, match="drillyard capture"):
        way_to(Store(tmp_path / "none"), "latest")
    counted(tmp_path)
    with pytest.raises(MomentUnreachable, match="with a base"):
        way_to(Store(tmp_path), "110,1")
    with pytest.raises(Usage):
        way_to(Store(tmp_path), "yesterday")


def test_a_hole_splits_what_can_be_restored(tmp_path: Path):
    """Before it by the base before, behind it by a base behind; in it nothing."""
    timeline = counted(tmp_path, segments=5)
    empty_base(timeline, (99, 1), (105, 1))
    empty_base(timeline, (131, 1), (135, 1))
    timeline.segments()[2].path.unlink()
    points = restore_points(Store(tmp_path))
    assert [(each.since, each.until) for each in points.stretches] == [("105,1", "119,1"), ("135,1", "149,1")]
    assert "00000003 is missing" in points.faults[0]
    with pytest.raises(MomentUnreachable, match=r"00000003.*119,1.*135,1"):
        way_to(Store(tmp_path), "125,1")


def test_what_is_being_written_counts_as_far_as_it_is_whole(tmp_path: Path):
    """The open segment is part of what can be restored."""
    from agent.pitr.recorder import Recorder

    timeline = counted(tmp_path, segments=1)
    empty_base(timeline, (99, 1), (105, 1))
    recorder = Recorder(timeline)
    recorder.add(insert((120, 1), 20))
    recorder.add(insert((121, 1), 21))
    recorder.flush()
    assert restore_points(Store(tmp_path)).stretches[0].until == "120,1"


def test_a_damaged_manifest_is_a_fault_and_not_used(tmp_path: Path):
    """The other base is."""
    timeline = counted(tmp_path)
    empty_base(timeline, (99, 1), (105, 1))
    second = Path(empty_base(timeline, (111, 1), (118, 1)).folder) / "manifest.json"
    second.write_bytes(second.read_bytes().replace(b'"8.0"', b'"7.0"'))
    assert "b118" in restore_points(Store(tmp_path)).faults[0]
    assert way_to(Store(tmp_path), "120,1").base.id == "b105"
    with pytest.raises(BackupDamaged, match="not as it was written"):
        timeline.bases()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("100,7", Timestamp(100, 7)),
        ("100:7", Timestamp(100, 7)),
        ("1970-01-01T00:01:40+00:00", Timestamp(100, 0)),
        ("1970-01-01T09:01:40+09:00", Timestamp(100, 0)),
        ("1970-01-01 00:01:40Z", Timestamp(100, 0)),
    ],
)
def test_a_moment_is_read(text: str, moment: Timestamp):
    """Exact, or the beginning of a second; it comes back as it was written."""
    assert instant.read(text) == moment
    assert instant.read(instant.show(moment)) == moment


@pytest.mark.parametrize("text", ["", "now", "1970-01-01T00:01:40", "1970-01-01T00:01:40.5+00:00", "9" * 30])
def test_what_is_no_moment_is_refused(text: str):
    """No offset, a fraction, no moment at all."""
    with pytest.raises(Usage):
        instant.read(text)


def test_below_is_the_moment_before():
    """Nothing lies between the two."""
    assert instant.below(Timestamp(100, 7)) == Timestamp(100, 6)
    assert instant.below(Timestamp(100, 0)) == Timestamp(99, 0xFFFFFFFF)


def test_only_what_no_kept_moment_needs_is_thrown_away(tmp_path: Path):
    """A base goes when the next is older than what is kept, and the segments before the oldest kept base."""
    timeline = counted(tmp_path, segments=6)
    for end in (105, 125, 145, 155):
        empty_base(timeline, (end - 2, 1), (end, 1))
    day, bases = 86_400, timeline.bases()
    assert expired_bases(bases, 145 + day, 1, 1) == bases[:1]
    assert expired_bases(bases, 146 + day, 1, 1) == bases[:2]
    assert expired_bases(bases, 900 + day, 1, 2) == bases[:2]
    assert [each.n for each in expired_segments(timeline.segments(), bases[2:])] == [1, 2, 3, 4]
    removed = prune(Store(tmp_path), 146 + day, 1)
    assert sum(name.endswith(".zst") for name in removed) == 4
    (stretch,) = restore_points(Store(tmp_path)).stretches
    assert (stretch.since, stretch.until) == ("145,1", "159,1")


def test_an_older_timeline_goes_as_a_whole(tmp_path: Path):
    """Once its last moment is too old; the newest never does."""
    old = counted(tmp_path)
    new = sealed(Store(tmp_path).begin("other", "restored"), [insert((300, 1), 1)])
    empty_base(new, (299, 1), (300, 1))
    prune(Store(tmp_path), 138 + 86_400, 1)
    assert old.path.exists()
    prune(Store(tmp_path), 10**9, 1)
    assert not old.path.exists()
    assert new.segments()
