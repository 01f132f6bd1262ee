"""The log: every change once and in order, from whatever a crash left; a hole or an altered byte is named."""

from pathlib import Path

import bson
import pytest
from bson import Timestamp
from bson.raw_bson import RawBSONDocument

from agent.errors import BackupDamaged
from agent.pitr import instant
from agent.pitr.log import changes, end_of, read, span
from agent.pitr.recorder import Recorder
from agent.pitr.segment import Segment, documents
from agent.pitr.store import TORN, Store, Timeline
from agent.pitr.stream import Gap
from tests.pitr.history import counted, event, insert

BEGINNING = Timestamp(0, 0)


def keys(timeline: Timeline, start: Timestamp = BEGINNING, upto: Timestamp | None = None) -> list[int]:
    """Return the _ids of the changes."""
    return [change.event["documentKey"]["_id"] for change in changes(timeline, start, upto)]


def test_every_change_comes_once_and_in_order(tmp_path: Path):
    """Over all segments; after `start`, and up to `upto` inclusive."""
    timeline = counted(tmp_path)
    assert keys(timeline) == list(range(40))
    assert keys(timeline, Timestamp(109, 1), Timestamp(131, 1)) == list(range(10, 32))


def test_a_name_says_what_is_in_it(tmp_path: Path):
    """Number, first and last cluster time; whatever else lies there is passed over."""
    timeline = counted(tmp_path, segments=2)
    (timeline.log / "notes.zst").write_text("mine")
    first, second = timeline.segments()
    assert (first.n, first.first, first.last) == (1, Timestamp(100, 1), Timestamp(109, 1))
    assert second.sealed().before == first.sealed().sha256


@pytest.mark.parametrize("place", [0.0, 0.3, 0.999])
def test_an_altered_byte_is_refused_by_the_segments_name(tmp_path: Path, place: float):
    """Wherever in the file it is; a sound history beside it is read."""
    timeline = counted(tmp_path)
    third = timeline.segments()[2].path
    content = bytearray(third.read_bytes())
    content[int(place * len(content))] ^= 1
    third.write_bytes(content)
    with pytest.raises(BackupDamaged, match=third.name):
        keys(timeline)
    assert keys(timeline, upto=Timestamp(119, 1)) == list(range(20))


def test_a_missing_segment_is_named(tmp_path: Path):
    """In the middle, and at the beginning; also when only its seal is gone."""
    timeline = counted(tmp_path)
    third = timeline.segments()[2]
    third.path.with_suffix(".json").unlink()
    with pytest.raises(BackupDamaged, match=third.path.name):
        keys(timeline)
    third.path.unlink()
    with pytest.raises(BackupDamaged, match="00000003"):
        keys(timeline)
    timeline.segments()[0].path.unlink()
    with pytest.raises(BackupDamaged, match="00000001"):
        keys(timeline, upto=Timestamp(115, 1))


def test_a_segment_of_another_history_is_refused(tmp_path: Path):
    """Same number and times, but it does not name the checksum of the one before."""
    ours, theirs = counted(tmp_path / "a", segments=3), counted(tmp_path / "b", segments=3, what="other")
    third = theirs.segments()[2]
    assert keys(ours) == list(range(30))
    for path in (third.path, third.path.with_suffix(".json")):
        (ours.log / path.name).write_bytes(path.read_bytes())
    with pytest.raises(BackupDamaged, match=f"{third.path.name} does not follow"):
        keys(ours)


@pytest.mark.parametrize("cut", range(1, 200, 7))
def test_what_a_killed_process_left_is_taken_up(tmp_path: Path, cut: int):
    """Wherever it was cut off: what is whole is sealed, in the chain, and more can follow."""
    timeline = counted(tmp_path, segments=1)
    recorder = Recorder(timeline)
    for n in range(10, 20):
        recorder.add(insert((100 + n, 1), n, v=n))
        recorder.flush()
    content = timeline.open.read_bytes()
    timeline.open.write_bytes(content[: len(content) * cut // 200])
    again = Recorder(timeline)
    whole = keys(timeline)
    assert whole == list(range(len(whole)))
    assert len(whole) >= 10
    last = whole[-1]
    assert again.last == Timestamp(100 + last, 1)
    again.add(insert((150, 1), 50))
    again.seal()
    assert keys(timeline) == [*whole, 50]
    assert not (timeline.log / TORN).exists()


def test_killed_while_taking_it_up(tmp_path: Path):
    """The torn file and a half-written successor lie there: the torn one counts."""
    timeline = counted(tmp_path, segments=1)
    recorder = Recorder(timeline)
    recorder.add(insert((110, 1), 10))
    recorder.flush()
    timeline.open.rename(timeline.log / TORN)
    timeline.open.write_bytes(b"half of it")
    assert keys(timeline) == list(range(11))
    Recorder(timeline)
    assert keys(timeline) == list(range(11))


def test_killed_between_sealing_it_and_removing_it(tmp_path: Path):
    """What was taken up is sealed, and what it was taken from lies there still: it is not taken up twice."""
    timeline = counted(tmp_path, segments=1)
    recorder = Recorder(timeline)
    recorder.add(insert((110, 1), 10))
    recorder.flush()
    kept = timeline.open.read_bytes()
    Recorder(timeline)
    assert len(timeline.segments()) == 2
    (timeline.log / TORN).write_bytes(kept)
    assert keys(timeline) == list(range(11))
    recorder = Recorder(timeline)
    assert not (timeline.log / TORN).exists()
    assert recorder.add(insert((111, 1), 11))
    recorder.seal()
    assert keys(timeline) == list(range(12))


def test_what_is_of_no_collection_is_no_change(tmp_path: Path):
    """The end of a transaction is told without one."""
    timeline = Store(tmp_path).begin("server", "a test")
    recorder = Recorder(timeline)
    recorder.add(insert((100, 1), 1))
    said = bson.decode(event((101, 1), "endOfTransaction").raw)
    del said["ns"]
    recorder.add(RawBSONDocument(bson.encode(said)))
    recorder.add(insert((102, 1), 2))
    recorder.seal()
    assert keys(timeline) == [1, 2]


def test_an_event_sent_again_is_there_once(tmp_path: Path):
    """At least once from the server, once in the log: within a cluster time by its token."""
    timeline = Store(tmp_path).begin("server", "a test")
    recorder = Recorder(timeline)
    one, two, three = insert((100, 1), 1), insert((100, 1), 2), insert((101, 1), 3)
    assert recorder.add(one)
    recorder.add(two)
    recorder.add(one)
    recorder.add(three)
    assert not recorder.add(two)
    recorder.seal()
    assert keys(timeline) == [1, 2, 3]


def test_an_older_event_is_there_already_or_history_is_lost(tmp_path: Path):
    """Sent again it is passed over, by another process too; one that nobody had told of is a gap."""
    recorder = Recorder(Store(tmp_path).begin("server", "a test"))
    for n in range(5):
        assert recorder.add(insert((100 + n, 1), n))
    assert not recorder.add(insert((102, 1), 2))
    with pytest.raises(Gap, match=r"at 102,9 after one at 104,1"):
        recorder.add(insert((102, 9), 77))
    recorder.seal()
    again = Recorder(recorder.timeline)
    assert not again.add(insert((102, 1), 2))
    with pytest.raises(Gap):
        again.add(insert((103, 0), 78))
    assert keys(recorder.timeline) == list(range(5))


def test_what_is_sealed_while_it_is_read_is_read(tmp_path: Path):
    """A capture at work seals and goes on between our look and our reading, once or twice, or had nothing."""
    timeline = counted(tmp_path, segments=1)
    recorder = Recorder(timeline)
    for first in (10, 30):
        recorder.add(insert((100 + first, 1), first))
        recorder.settle({"_data": "x"})
        recorder.flush()
        looked = span(timeline, BEGINNING, None)
        before = list(read(looked, BEGINNING))
        recorder.seal()
        assert list(read(looked, BEGINNING)) == before
        assert end_of(looked, looked.segments) == Timestamp(100 + first, 1)
        for n in range(first + 1, first + 4):
            recorder.add(insert((100 + n, 1), n))
            recorder.settle({"_data": "x"})
            recorder.seal()
        recorder.add(insert((104 + first, 1), first + 4))
        recorder.settle({"_data": "x"})
        recorder.flush()
        assert len(list(read(looked, BEGINNING))) == len(before) + 4
        assert instant.show(end_of(looked, looked.segments)) == f"{104 + first},1"
        recorder.seal()


def test_nothing_is_complete_before_the_next_moment(tmp_path: Path):
    """Events that share a cluster time may still come; then the moment before is the last whole one."""
    timeline = Store(tmp_path).begin("server", "a test")
    recorder = Recorder(timeline)
    recorder.add(insert((100, 1), 1))
    recorder.add(insert((100, 2), 2))
    assert recorder.flush() == Timestamp(100, 1)
    recorder.settle({"_data": "x"})
    assert recorder.flush() == Timestamp(100, 2)


def test_a_segment_opens_with_zstd_and_bson_alone(tmp_path: Path):
    """Head, events, foot: nothing of ours is needed to read it."""
    timeline = counted(tmp_path, segments=1, each=3)
    segment = timeline.segments()[0]
    records = list(documents(segment.path))
    assert b"_ctl" in records[0]
    assert b"_ctl" in records[-1]
    assert Segment.of(segment.path) == segment
